import type { Clock } from "../../core/clock.ts";
import { storedExpiry } from "../expiry.ts";
import { batchRequests } from "../sql/batch.ts";
import { storedName } from "../sql/names.ts";
import { claimAnswer, type KeyRow } from "../sql/record-format.ts";
import type { ClaimAnswer, ClaimRequest, CompleteRequest, RenewRequest } from "../store.ts";
import type { MysqlQuery, MysqlValue } from "./client.ts";
import { isRefusal } from "./errors.ts";
import { type MariadbStatements, waitingFor } from "./statements.ts";

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

  /** Who changed nothing is not told, so unless all changed something, each is asked again: that changes nothing more. */
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
      carryOut: async (requests) => {
        const count = requests.length;
        const rows = (await ask(count, statements.claim, requests.flatMap(claimRowOf))) as KeyRow[];
        const byName = new Map(rows.map((row) => [nameOf(row), row]));
        return requests.map((request) => byName.get(nameOf(request))!);
      },
    }),
    complete: batchRequests({
      ...common,
      bytesOf: ({ result }) => result.length,
      groupOf: ({ retentionMs }) => retentionMs,
      carryOut: (requests) => changes(statements.complete, requests, completionValues),
    }),
    renew: batchRequests({
      ...common,
      groupOf: ({ leaseMs }) => leaseMs,
      carryOut: (requests) => changes(statements.renew, requests, renewalValues),
    }),
  };
}

/** What a claim's own row, or the one in its way, answers; `undefined` where it is open to be taken over. */
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
  return claimRowOf({ ...request, ...storedName(request) });
}

/** The values of the statement `takeOver`. */
export function takeOverValues(request: ClaimRequest): MysqlValue[] {
  const { fingerprint, owner, leaseMs, heldRetentionMs, takeOverAfterMs } = request;
  const taken = { ...storedName(request), fingerprint, owner, leaseMs, heldRetentionMs, takeOverAfterMs };
  return [Buffer.from(JSON.stringify([taken]))];
}

function claimRowOf({ scope, key, fingerprint, owner, leaseMs, heldRetentionMs }: ClaimRequest): MysqlValue[] {
  return [...[scope, key, fingerprint, owner].map(textBytes), leaseMs, heldRetentionMs ?? null];
}

/** What is no text is the server's to refuse: nobody else's request fails for it. */
function textBytes(text: unknown): Buffer | null {
  return typeof text === "string" ? Buffer.from(text) : null;
}

/** The values of the statement `complete`. */
function completionValues(requests: readonly CompleteRequest[]): MysqlValue[] {
  const results = requests.flatMap(({ scope, key, result }) => [textBytes(scope), textBytes(key), bufferOf(result)]);
  return [requests[0]!.retentionMs, ...results, ...requests.flatMap(ownedOf)];
}

/** The values of the statement `renew`. */
function renewalValues(requests: readonly RenewRequest[]): MysqlValue[] {
  return [requests[0]!.leaseMs, ...requests.flatMap(ownedOf)];
}

function ownedOf({ scope, key, owner }: { scope: string; key: string; owner: string }): MysqlValue[] {
  return [textBytes(scope), textBytes(key), textBytes(owner)];
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function nameOf({ scope, key }: { scope: string; key: string }): string {
  return JSON.stringify([scope, key]);
}
