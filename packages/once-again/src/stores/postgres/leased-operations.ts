import { readHeldCount } from "../held-count.ts";
import { checkListLimit } from "../list-limit.ts";
import { storedName, storedText } from "../sql/names.ts";
import { checkpointText, claimAnswer, inspectRow, type KeyRow, newClaimAnswer } from "../sql/record-format.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  InspectedRecord,
  ListRequest,
  RecordName,
  DoneSettlement,
  HeldCount,
  StepRequest,
  AsyncStore,
} from "../store.ts";
import type { PostgresQuery } from "./client.ts";
import { isConflict, unavailableError } from "./errors.ts";
import { type BatchBounds, leasedBatches, type LeasedBatches } from "./leased-batches.ts";
import type { PostgresStatements } from "./statements.ts";

/** How often a claim is asked for that another one outran. The second time, it sees who did. */
const claimsMax = 5;

/**
 * The operations of the port, but for its transactions: a statement each, and two for a claim that takes over. Those of
 * every request share a statement with others of the same moment.
 */
export function leasedOperations(
  query: PostgresQuery,
  statements: PostgresStatements,
  bounds: BatchBounds,
): Omit<AsyncStore, "survivesFailover" | "close"> & { countHeld(): Promise<HeldCount> } {
  const batches = leasedBatches(query, statements, bounds);
  const changes = async (statement: string, values: unknown[]): Promise<boolean> =>
    (await query(statement, values)).length > 0;
  const inspect = async (name: RecordName): Promise<InspectedRecord | undefined> => {
    const [row] = (await query(statements.inspect, namedBy(name))) as KeyRow[];
    return row && inspectRow(row);
  };
  return {
    claim: (request) => claim(batches, query, statements, request),
    complete: async (request) => batches.complete({ ...request, ...storedName(request) }),
    renew: async (request) => batches.renew({ ...request, ...storedName(request) }),
    release: async (request) => batches.release({ ...request, ...storedName(request) }),
    checkpoint: async (request) => changes(statements.checkpoint, checkpointValues(request, request.result)),
    resolve: async ({ settlement, ...name }) =>
      settlement.as === "done"
        ? changes(statements.settle, [...namedBy(name), ...settlementValues(settlement)])
        : (await changes(statements.forget, namedBy(name))) ||
          ((await inspect(name))?.state === "broken" && changes(statements.forgetBroken, namedBy(name))),
    inspect,
    async list(request) {
      const { conditions, values } = listConditions(request);
      const statement = statements.list(conditions, `$${values.push(checkListLimit(request))}::bigint`);
      return ((await query(statement, values)) as KeyRow[]).map(inspectRow);
    },
    async countHeld() {
      const [row] = (await query(statements.countHeld)) as Parameters<typeof readHeldCount>;
      return readHeldCount(row);
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

async function claim(
  batches: LeasedBatches,
  query: PostgresQuery,
  { takeOver }: PostgresStatements,
  request: ClaimRequest,
): Promise<ClaimAnswer> {
  const { fingerprint, owner, leaseMs, heldRetentionMs = null, takeOverAfterMs = null } = request;
  const values = [...namedBy(request), fingerprint, owner, leaseMs, heldRetentionMs, takeOverAfterMs];
  for (let asked = 1; asked <= claimsMax; asked += 1) {
    const found = await batches.claim({ ...request, ...storedName(request) }).catch(noneInConflict);
    if (found?.won === true) return newClaimAnswer(request, found.ms);
    if (found === undefined || found.scope === null) continue;
    const answer = claimAnswer(found, request);
    if (answer.kind !== "acquired") return answer;
    const [taken] = (await query(takeOver, values).catch(noneInConflict)) ?? [];
    if (taken !== undefined) return claimAnswer(taken as KeyRow, request);
  }
  throw unavailableError(`a claim was outrun ${claimsMax} times`);
}

/** The values of the statement `settle` that follow the name. */
function settlementValues({ result, retentionMs, note = new Uint8Array() }: DoneSettlement): unknown[] {
  return [Buffer.from(result), retentionMs, Buffer.from(note)];
}

/** Where transactions are stricter than READ COMMITTED by default, being outrun is an error. */
function noneInConflict(error: unknown): undefined {
  if (!isConflict(error)) throw error;
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
