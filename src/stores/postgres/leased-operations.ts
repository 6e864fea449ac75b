import { checkedListLimit } from "../list-limit.ts";
import { storedName, storedText } from "../sql-names.ts";
import { checkpointText, claimAnswer, inspectedRow, type KeyRow } from "../sql-records.ts";
import type { ClaimAnswer, ClaimRequest, ListRequest, RecordName, StepRequest, Store } from "../store.ts";
import type { PostgresQuery } from "./client.ts";
import { isConflict, unavailable } from "./errors.ts";
import type { PostgresStatements } from "./statements.ts";

/** How often a claim is asked for that another one outran. The second time, it sees who did. */
const claimsMax = 5;

/** The operations of the port, but for its transactions: a statement each. */
export function leasedOperations(
  query: PostgresQuery,
  statements: PostgresStatements,
): Omit<Store, "survivesFailover" | "close"> {
  const changes = async (statement: string, values: unknown[]): Promise<boolean> =>
    (await query(statement, values)).length > 0;
  return {
    claim: (request) => claim(query, statements.claim, request),
    complete: async ({ owner, result, retentionMs, ...name }) =>
      changes(statements.complete, [...namedBy(name), owner, Buffer.from(result), retentionMs]),
    renew: async ({ owner, leaseMs, ...name }) => changes(statements.renew, [...namedBy(name), owner, leaseMs]),
    release: async ({ owner, ...name }) => changes(statements.release, [...namedBy(name), owner]),
    checkpoint: async (request) => changes(statements.checkpoint, checkpointValues(request, request.result)),
    resolve: async ({ settlement, ...name }) =>
      settlement.as === "done"
        ? changes(statements.settle, [...namedBy(name), Buffer.from(settlement.result), settlement.retentionMs])
        : changes(statements.forget, namedBy(name)),
    async inspect(name) {
      const [row] = (await query(statements.inspect, namedBy(name))) as KeyRow[];
      return row && inspectedRow(row);
    },
    async list(request) {
      const { conditions, values } = listConditions(request);
      const statement = statements.list(conditions, `$${values.push(checkedListLimit(request))}::bigint`);
      return ((await query(statement, values)) as KeyRow[]).map(inspectedRow);
    },
    async purge({ limit }) {
      const [answer] = (await query(statements.purge, [limit])) as { purged: number | string }[];
      return Number(answer?.purged);
    },
  };
}

/** The values of the statement `checkpoint`. */
export function checkpointValues(request: StepRequest, result: Uint8Array): unknown[] {
  return [...namedBy(request), request.owner, checkpointText(request.step, result)];
}

async function claim(query: PostgresQuery, statement: string, request: ClaimRequest): Promise<ClaimAnswer> {
  const { fingerprint, owner, leaseMs, retentionMs, takeOverAfterMs = null } = request;
  const values = [...namedBy(request), fingerprint, owner, leaseMs, retentionMs, takeOverAfterMs];
  for (let asked = 1; asked <= claimsMax; asked += 1) {
    const rows = await query(statement, values).catch((error: unknown) => {
      // Where transactions are stricter than READ COMMITTED by default, being outrun is an error.
      if (isConflict(error)) return [];
      throw error;
    });
    const [row] = rows as (KeyRow & { won: boolean })[];
    const answer = row && claimAnswer(row, request);
    if (answer !== undefined && (row?.won === true || answer.kind !== "acquired")) return answer;
  }
  throw unavailable(`a claim was outrun ${claimsMax} times`);
}

function namedBy(name: RecordName): string[] {
  const { scope, key } = storedName(name);
  return [scope, key];
}

function listConditions({ scope, state, after }: ListRequest): { conditions: string[]; values: unknown[] } {
  const values: unknown[] = [];
  const value = (text: string): string => `$${values.push(text)}::text`;
  const conditions = [
    ...(scope === undefined ? [] : [`k.scope = ${value(storedText(scope))}`]),
    ...(state === undefined
      ? []
      : [
          `${value(state)} = CASE WHEN k.state = 'running' AND k.lease_until <= clock.ms THEN 'abandoned' ELSE k.state END`,
        ]),
    ...(after === undefined
      ? []
      : [`(k.scope, k.key) > (${value(storedText(after.scope))}, ${value(storedText(after.key))})`]),
  ];
  return { conditions, values };
}
