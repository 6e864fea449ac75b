import type { Clock } from "../../core/clock.ts";
import { readHeldCount } from "../health.ts";
import { checkListRequest } from "../list-records.ts";
import { batchRequests } from "../sql/batch.ts";
import { listConditions } from "../sql/list-conditions.ts";
import { likePrefix, storedName, storedText } from "../sql/names.ts";
import {
  checkpointText,
  claimAnswer,
  inspectListed,
  inspectRow,
  type KeyRow,
  newClaimAnswer,
  type SizesRow,
} from "../sql/record-format.ts";
import type {
  AsyncStore,
  ClaimAnswer,
  ClaimRequest,
  CompleteRequest,
  DoneSettlement,
  HeldCount,
  InspectedRecord,
  ListRequest,
  RecordName,
  ReleaseRequest,
  RenewRequest,
  StepRequest,
} from "../store.ts";
import type { PostgresQuery } from "./client.ts";
import { isConflict, isRefusal, unavailableError } from "./errors.ts";
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
      const limit = checkListRequest(request);
      const rows = (await query(...listStatement(statements.list, request, limit))) as (KeyRow & SizesRow)[];
      return rows.map(inspectListed(request));
    },
    async countHeld() {
      const [row] = (await query(statements.countHeld)) as Parameters<typeof readHeldCount>;
      return readHeldCount(row);
    },
    async purge({ limit, scope }) {
      const values = [limit, scope === undefined ? null : storedText(scope)];
      const [answer] = (await query(statements.purge, values)) as { purged: number | string }[];
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
  const { fingerprint, owner, leaseMs, heldRetentionMs = null, takeOverAfterMs = null, details } = request;
  const times = [leaseMs, heldRetentionMs, takeOverAfterMs];
  const values = [...namedBy(request), fingerprint, owner, ...times, base64(details) ?? null];
  for (let attempt = 1; attempt <= claimsMax; attempt += 1) {
    const claim = await batches.claim({ ...request, ...storedName(request) }).catch(noneInConflict);
    if (claim?.won === true) return newClaimAnswer(request, claim.ms);
    if (claim === undefined || claim.scope === null) continue;
    const answer = claimAnswer(claim, request);
    if (answer.kind !== "acquired") return answer;
    const [takenRow] = (await query(takeOver, values).catch(noneInConflict)) ?? [];
    if (takenRow !== undefined) return claimAnswer(takenRow as KeyRow, request);
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

/** Bytes as JSON can hold them. */
function base64(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("base64");
}

function namedBy(name: RecordName): string[] {
  const { scope, key } = storedName(name);
  return [scope, key];
}

function listStatement(list: PostgresStatements["list"], request: ListRequest, limit: number): [string, unknown[]] {
  const values: unknown[] = [];
  const text = (given: string): string => `$${values.push(given)}::text`;
  const { conditions, place } = listConditions(request, {
    column: (name) => `k.${name}`,
    text: (given) => text(storedText(given)),
    time: (ms) => `$${values.push(ms)}::bigint`,
    scopeBegins: (begin) => `k.scope LIKE ${text(likePrefix(begin))} ESCAPE '|'`,
    inState,
  });
  const { scope, state, order } = request;
  // In the order of names, an index would lead to every row of the table until there are enough of the few that run.
  const readsAll = scope === undefined && order !== "age" && (state === "running" || state === "abandoned");
  const sorted = readsAll ? "k.scope || '', k.key || ''" : place;
  return [list(request.content ?? "whole", conditions, sorted, `$${values.push(limit)}::bigint`), values];
}

/** The condition of a record in each of the states that people see. */
const inState = {
  running: "k.state = 'running' AND k.lease_until > clock.ms",
  abandoned: "k.state = 'running' AND k.lease_until <= clock.ms",
  done: "k.state = 'done'",
} as const;

/** How long a batch waits for a lock, milliseconds: then each of its requests waits for itself, as long as it may. */
const batchLockMsMax = 100;

/** The result of a claim: a row that it made, one that was there, or neither. */
export type Claimed =
  | { readonly won: true; readonly ms: KeyRow["ms"] }
  | ({ readonly won: false } & (KeyRow | { readonly scope: null }));

/** The operations that share statements. Names are as they are stored. */
export interface LeasedBatches {
  claim(request: ClaimRequest): Promise<Claimed>;
  complete(request: CompleteRequest): Promise<boolean>;
  renew(request: RenewRequest): Promise<boolean>;
  release(request: ReleaseRequest): Promise<boolean>;
}

export interface BatchBounds {
  readonly clock: Clock;
  /** How long a single request waits for a lock, milliseconds. */
  readonly busyMsMax: number;
}

export function leasedBatches(
  query: PostgresQuery,
  statements: PostgresStatements,
  { clock, busyMsMax }: BatchBounds,
): LeasedBatches {
  /** Asks for a batch by one statement; its rows have the number of their request. */
  const ask = async (statement: string, requests: readonly object[], ...values: unknown[]): Promise<unknown[]> => {
    const lockMsMax = requests.length === 1 ? busyMsMax : Math.min(busyMsMax, batchLockMsMax);
    const numbered = JSON.stringify(requests.map((request, n) => ({ n, ...request })));
    const rows = (await query(statement, [numbered, String(lockMsMax), ...values])) as { n: number }[];
    const answers: unknown[] = requests.map(() => undefined);
    for (const row of rows) answers[row.n] = row;
    return answers;
  };
  const changes = async (...asked: Parameters<typeof ask>): Promise<boolean[]> =>
    (await ask(...asked)).map((row) => row !== undefined);
  const common = { clock, isRefusal };
  return {
    claim: batchRequests({
      ...common,
      execute: async (requests) => {
        const claims = requests.map(({ scope, key, fingerprint, owner, leaseMs, heldRetentionMs, details }) => ({
          ...{ scope, key, fingerprint, owner },
          ...{ lease: leaseMs, held: heldRetentionMs, details: base64(details) },
        }));
        return (await ask(statements.claim, claims)) as Claimed[];
      },
    }),
    complete: batchRequests({
      ...common,
      bytesOf: ({ result }) => result.length,
      execute: (requests) => {
        let first = 1;
        const completions = requests.map(({ scope, key, owner, result: { length }, retentionMs }) => {
          const part = { first, length };
          first += length;
          return { scope, key, owner, retention: retentionMs, ...part };
        });
        return changes(statements.complete, completions, Buffer.concat(requests.map(({ result }) => result)));
      },
    }),
    renew: batchRequests({
      ...common,
      execute: (requests) =>
        changes(
          statements.renew,
          requests.map(({ scope, key, owner, leaseMs, details }) => ({
            ...{ scope, key, owner },
            ...{ lease: leaseMs, details: base64(details) },
          })),
        ),
    }),
    release: batchRequests({
      ...common,
      execute: (requests) =>
        changes(
          statements.release,
          requests.map(({ scope, key, owner }) => ({ scope, key, owner })),
        ),
    }),
  };
}
