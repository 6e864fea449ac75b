import type { Clock } from "../../core/clock.ts";
import { checkListRequest } from "../list-records.ts";
import { storedExpiry } from "../transition.ts";
import { readHeldCount } from "../health.ts";
import { batchRequests } from "../sql/batch.ts";
import { listConditions } from "../sql/list-conditions.ts";
import { likePrefix, storedName, storedText } from "../sql/names.ts";
import {
  checkpointText,
  claimAnswer,
  inspectListed,
  inspectRow,
  type KeyRow,
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
import type { MysqlQuery, MysqlValue } from "./client.ts";
import { isConflict, isRefusal, unavailableError } from "./errors.ts";
import { inState, type MariadbStatements, waitingFor } from "./statements.ts";

/** How often a statement is asked for that the server gave up for the sake of another. */
const attemptsMax = 5;

/**
 * The operations of the port, but for its transactions: a statement each. Claims, completions and renewals share it with
 * others of the same moment.
 */
export function leasedOperations(
  run: MysqlQuery,
  statements: MariadbStatements,
  bounds: BatchBounds,
): Omit<AsyncStore, "survivesFailover" | "close"> & { countHeld(): Promise<HeldCount> } {
  const query: MysqlQuery = async (statement, values) => {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      try {
        return await run(statement, values);
      } catch (error) {
        // Of statements that lock each other's rows, the server ends one, which did nothing then.
        if (!isConflict(error)) throw error;
      }
    }
    throw unavailableError(`a statement was given up for another's sake ${attemptsMax} times`);
  };
  const batches = leasedBatches(query, statements, bounds);
  const takeOver = waitingFor(Math.ceil(bounds.busyMsMax / 1000), statements.takeOver);
  const changes = async (statement: string, values: MysqlValue[]): Promise<boolean> =>
    changed(await query(statement, values));
  const inspect = async (name: RecordName): Promise<InspectedRecord | undefined> => {
    const [row] = (await query(statements.inspect, namedBy(name))) as KeyRow[];
    return row && inspectRow(row);
  };
  return {
    async claim(request) {
      const row = await batches.claim({ ...request, ...storedName(request) });
      const answer = answerOfClaim(row, request);
      if (answer !== undefined) return answer;
      const [takenRow] = (await query(takeOver, takeOverValues(request))) as KeyRow[];
      return claimAnswer(takenRow!, request);
    },
    complete: async (request) => batches.complete({ ...request, ...storedName(request) }),
    renew: async (request) =>
      request.details === undefined
        ? batches.renew({ ...request, ...storedName(request) })
        : changes(statements.renewWithDetails, [bufferOf(request.details), request.leaseMs, ...ownedBy(request)]),
    // One statement can't both delete and update. What happens between the two is as if it had come before, or after.
    release: async (owned) =>
      (await changes(statements.remove, ownedBy(owned))) || changes(statements.abandon, ownedBy(owned)),
    checkpoint: async (request) => changes(statements.checkpoint, checkpointValues(request, request.result)),
    resolve: async ({ settlement, ...name }) =>
      settlement.as === "done"
        ? changes(statements.settle, [...settlementValues(settlement), ...namedBy(name)])
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
      const [statement, values] =
        scope === undefined
          ? [statements.purge, [limit]]
          : [statements.purgeScope, [Buffer.from(storedText(scope)), limit]];
      return ((await query(statement, values)) as Changes).affectedRows;
    },
  };
}

interface Changes {
  affectedRows: number;
}

/** Whether a statement found its row. `mysql2` counts rows found, not changed, unless FOUND_ROWS is taken away. */
export function changed(answer: unknown): boolean {
  return (answer as Changes).affectedRows > 0;
}

/** The operations that share statements. Names are as they are stored. */
export interface LeasedBatches {
  /** The row that it made, or the one that was there. */
  claim(request: ClaimRequest): Promise<KeyRow>;
  complete(request: CompleteRequest): Promise<boolean>;
  renew(request: RenewRequest): Promise<boolean>;
}

export interface BatchBounds {
  readonly clock: Clock;
  /** How long a single request waits for a lock, milliseconds. */
  readonly busyMsMax: number;
}

export function leasedBatches(
  query: MysqlQuery,
  statements: MariadbStatements,
  { clock, busyMsMax }: BatchBounds,
): LeasedBatches {
  /** A batch does not wait for locks: where it would, each of its requests waits for itself, as long as it may. */
  const ask = (count: number, statement: (count: number) => string, values: MysqlValue[]): Promise<unknown> =>
    query(waitingFor(count === 1 ? Math.ceil(busyMsMax / 1000) : 0, statement(count)), values);

  /**
   * MariaDB reports only how many rows changed, not which. If some did not, each request is sent again on its own, which
   * changes nothing more.
   */
  const changes = async <Request>(
    statement: (count: number) => string,
    requests: readonly Request[],
    valuesOf: (requests: readonly Request[]) => MysqlValue[],
  ): Promise<boolean[]> => {
    const changed = async (some: readonly Request[]): Promise<number> =>
      ((await ask(some.length, statement, valuesOf(some))) as { affectedRows: number }).affectedRows;
    const count = await changed(requests);
    if (count === requests.length || requests.length === 1) return requests.map(() => count > 0);
    return Promise.all(requests.map(async (request) => (await changed([request])) > 0));
  };

  const common = { clock, isRefusal };
  return {
    claim: batchRequests({
      ...common,
      execute: async (requests) => {
        const count = requests.length;
        const rows = (await ask(count, statements.claim, requests.flatMap(claimRowValues))) as KeyRow[];
        const byName = new Map(rows.map((row) => [nameOf(row), row]));
        return requests.map((request) => byName.get(nameOf(request))!);
      },
    }),
    complete: batchRequests({
      ...common,
      bytesOf: ({ result }) => result.length,
      groupOf: ({ retentionMs }) => retentionMs,
      execute: (requests) => changes(statements.complete, requests, completionValues),
    }),
    renew: batchRequests({
      ...common,
      groupOf: ({ leaseMs }) => leaseMs,
      execute: (requests) => changes(statements.renew, requests, renewalValues),
    }),
  };
}

/** The answer that a claim's own row, or the one in its way, gives; `undefined` where it is open to be taken over. */
export function answerOfClaim(row: KeyRow, request: ClaimRequest): ClaimAnswer | undefined {
  const answer = claimAnswer(row, request);
  const ms = Number(row.ms);
  // One that its owner asks for again gets a new lease by being taken over.
  const isMade =
    row.owner === request.owner &&
    Number(row.created_at) === ms &&
    Number(row.lease_until) === ms + request.leaseMs &&
    Number(row.expires_at) === storedExpiry(ms + (request.heldRetentionMs ?? Number.POSITIVE_INFINITY));
  return answer.kind === "acquired" && !isMade ? undefined : answer;
}

/** The values of the statement `claim` for one request. */
export function claimValues(request: ClaimRequest): MysqlValue[] {
  return claimRowValues({ ...request, ...storedName(request) });
}

function claimRowValues(request: ClaimRequest): MysqlValue[] {
  const { scope, key, fingerprint, owner, leaseMs, heldRetentionMs = null, details } = request;
  const names = [scope, key, fingerprint, owner].map(textBytes);
  return [...names, leaseMs, heldRetentionMs, details === undefined ? null : bufferOf(details)];
}

/** The values of the statement `takeOver`. */
export function takeOverValues(request: ClaimRequest): MysqlValue[] {
  const { fingerprint, owner, leaseMs, heldRetentionMs, takeOverAfterMs } = request;
  const details = request.details && Buffer.from(request.details).toString("base64");
  const claim = { ...storedName(request), fingerprint, owner, leaseMs, heldRetentionMs, takeOverAfterMs, details };
  return [Buffer.from(JSON.stringify([claim]))];
}

/** The values of the statement `complete`. */
function completionValues(requests: readonly CompleteRequest[]): MysqlValue[] {
  const results = requests.flatMap(({ scope, key, result }) => [textBytes(scope), textBytes(key), bufferOf(result)]);
  return [requests[0]!.retentionMs, ...results, ...requests.flatMap(ownerValues)];
}

/** The values of the statement `renew`. */
function renewalValues(requests: readonly RenewRequest[]): MysqlValue[] {
  return [requests[0]!.leaseMs, ...requests.flatMap(ownerValues)];
}

function ownerValues({ scope, key, owner }: { scope: string; key: string; owner: string }): MysqlValue[] {
  return [textBytes(scope), textBytes(key), textBytes(owner)];
}

/** The values of the statement `checkpoint`. */
export function checkpointValues(request: StepRequest, result: Uint8Array): MysqlValue[] {
  return [Buffer.from(checkpointText(request.step, result)), ...ownedBy(request)];
}

/** The values of the statement `settle` that precede the name. */
function settlementValues({ result, retentionMs, note = new Uint8Array() }: DoneSettlement): MysqlValue[] {
  return [Buffer.from(result), Buffer.from(note), retentionMs];
}

/** The values of a record's name. */
export function namedBy(name: RecordName): MysqlValue[] {
  const { scope, key } = storedName(name);
  return [Buffer.from(scope), Buffer.from(key)];
}

function ownedBy({ owner, ...name }: ReleaseRequest): MysqlValue[] {
  return [...namedBy(name), Buffer.from(owner)];
}

function listStatement(list: MariadbStatements["list"], request: ListRequest, limit: number): [string, MysqlValue[]] {
  const values: MysqlValue[] = [];
  const value = (given: MysqlValue): string => {
    values.push(given);
    return "?";
  };
  const text = (given: string): string => value(Buffer.from(given));
  const { conditions, place } = listConditions(request, {
    column: (name) => (name === "key" ? "`key`" : name),
    text: (given) => text(storedText(given)),
    time: value,
    scopeBegins: (begin) => `scope LIKE ${text(likePrefix(begin))} ESCAPE '|'`,
    inState,
  });
  return [list(request.content ?? "whole", conditions, place), [...values, limit]];
}

/** A value that is no text is left to the server to refuse, so that no other request fails for it. */
function textBytes(text: unknown): Buffer | null {
  return typeof text === "string" ? Buffer.from(text) : null;
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function nameOf({ scope, key }: { scope: string; key: string }): string {
  return JSON.stringify([scope, key]);
}
