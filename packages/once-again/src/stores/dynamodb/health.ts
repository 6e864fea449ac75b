import { errorText } from "../../core/error-text.ts";
import type { DynamodbConnection } from "./connection.ts";
import type { TableDescription } from "./api-types.ts";

/** Dangers to the records in a table, one sentence each. */
export async function tableProblems(connection: DynamodbConnection, table: string): Promise<string[]> {
  const { output } = await connection.send("DescribeTable", { TableName: table });
  return problemsOf(output.Table);
}

function problemsOf(table: TableDescription | undefined): string[] {
  const {
    TableStatus: status,
    KeySchema: keys = [],
    Replicas: replicas = [],
    MultiRegionConsistency: consistency,
  } = table ?? {};
  const key = keys.map(({ AttributeName: name, KeyType: type }) => `${name} ${type}`).join(", ");
  const problems: readonly [holds: boolean, problem: string][] = [
    [status !== "ACTIVE" && status !== "UPDATING", `The table is ${status ?? "not there"}.`],
    [
      key !== "pk HASH",
      `The key of the table is ${key || "none"}: make a table with the partition key pk, and no sort key.`,
    ],
    [
      replicas.length > 0 && consistency !== "STRONG",
      "The table is global, and the last writer wins: two regions can own one key at a time. Make it with " +
        "MultiRegionConsistency STRONG, or use a table of one region.",
    ],
  ];
  return problems.flatMap(([holds, problem]) => (holds ? [problem] : []));
}

/** The things about a table that a person has to look at, one sentence each. */
export async function tableWarnings(connection: DynamodbConnection, table: string): Promise<string[]> {
  try {
    const { output } = await connection.send("DescribeTimeToLive", { TableName: table });
    const { TimeToLiveStatus: status, AttributeName: attribute } = output.TimeToLiveDescription ?? {};
    if (attribute === "ttl" && (status === "ENABLED" || status === "ENABLING")) return [];
    return ["Time to live is off, so that expired records stay, and are paid for: enable it on the attribute ttl."];
  } catch (error) {
    return [`It could not be asked whether time to live is on: ${errorText(error)}`];
  }
}
