import { deepEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { OpenWay } from "./ways.ts";

/** A statement of a policy of IAM. */
interface Statement {
  readonly Sid: string;
  readonly Action: readonly string[];
  readonly Resource: string;
}

/** The block of the guide to DynamoDB that begins with this line. @throws Error if there is no such block. */
export function guideBlock(firstLine: string): string {
  const page = readFileSync("docs/guides/dynamodb.md", "utf8");
  const blocks = page.split("```").map((block) => block.slice(block.indexOf("\n") + 1));
  const found = blocks.find((block) => block.startsWith(firstLine));
  if (found === undefined) throw new Error(`The guide has no block that begins with ${firstLine}`);
  return found;
}

/** The permissions of each role by the policy in the guide: its actions, each with `table` or the index that it is on. */
export function guidePermissions(): ReadonlyMap<string, readonly string[]> {
  const { Statement: statements } = JSON.parse(guideBlock('{\n  "Version"')) as { Statement: Statement[] };
  const permissions = new Map<string, string[]>();
  for (const { Sid, Action, Resource } of statements) {
    const [, index = ""] = /^arn:aws:dynamodb:[\w-]+:\d{12}:table\/once-again(\/index\/\w+)?$/.exec(Resource)!;
    const role = Sid.replace(/Index$/, "");
    const actions = Action.map((action) => `${action.replace("dynamodb:", "")} table${index}`);
    permissions.set(role, [...(permissions.get(role) ?? []), ...actions]);
  }
  return permissions;
}

/** @throws AssertionError with the permissions that the policy in the guide gives to no role. */
export function expectAllowed(needed: Iterable<string>): void {
  const allowed = new Set([...guidePermissions().values()].flat());
  const forbidden = [...needed].filter((permission) => !allowed.has(permission));
  deepEqual(forbidden, [], `The policy in the guide allows to no role: ${forbidden.join(", ")}`);
}

/** The names that a policy has for the parts of a transaction. */
const actionsInTransactions: Readonly<Record<string, string>> = {
  Put: "PutItem",
  Update: "UpdateItem",
  Delete: "DeleteItem",
  ConditionCheck: "ConditionCheckItem",
  Get: "GetItem",
};

/** A command's permissions, each with the name of its table, and with its index. */
function permissionsOf(command: string, input: Record<string, unknown>): (readonly [action: string, on: string])[] {
  const { TableName: table, IndexName: index, TransactItems: items, RequestItems: requests } = input;
  if (items !== undefined) {
    return (items as Record<string, { TableName: string }>[]).flatMap((item) =>
      Object.entries(item).map(([name, { TableName }]) => [actionsInTransactions[name]!, TableName] as const),
    );
  }
  if (requests !== undefined) return Object.keys(requests as object).map((name) => [command, name] as const);
  return [[command, index === undefined ? (table as string) : `${table as string}/index/${index as string}`]];
}

/** The permissions that a client needs for what it sends from now on; none for the tables of a test's effects. */
export function watchPermissions(
  { onRequest }: Pick<OpenWay, "onRequest">,
  effects: readonly string[] = [],
): Set<string> {
  const needed = new Set<string>();
  onRequest((operation, input) => {
    for (const [action, on] of permissionsOf(operation, input)) {
      const [table = "", ...index] = on.split("/");
      if (!effects.includes(table)) needed.add(`${action} ${["table", ...index].join("/")}`);
    }
  });
  return needed;
}
