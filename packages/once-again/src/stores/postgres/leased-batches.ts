import type { Clock } from "../../core/clock.ts";
import { batchRequests } from "../sql/batch.ts";
import type { KeyRow } from "../sql/record-format.ts";
import type { ClaimRequest, CompleteRequest, ReleaseRequest, RenewRequest } from "../store.ts";
import type { PostgresQuery } from "./client.ts";
import { isRefusal } from "./errors.ts";
import type { PostgresStatements } from "./statements.ts";

/** How long a batch waits for a lock, milliseconds: then each of its requests waits for itself, as long as it may. */
const batchLockMsMax = 100;

/** What a claim comes to: a row that it made, one that was there, or neither. */
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
  /** Asks for a batch by one statement, whose rows have the number of their request. */
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
      carryOut: async (requests) => {
        const claims = requests.map(({ scope, key, fingerprint, owner, leaseMs, heldRetentionMs }) => ({
          ...{ scope, key, fingerprint, owner },
          ...{ lease: leaseMs, held: heldRetentionMs },
        }));
        return (await ask(statements.claim, claims)) as Claimed[];
      },
    }),
    complete: batchRequests({
      ...common,
      bytesOf: ({ result }) => result.length,
      carryOut: (requests) => {
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
      carryOut: (requests) =>
        changes(
          statements.renew,
          requests.map(({ scope, key, owner, leaseMs }) => ({ scope, key, owner, lease: leaseMs })),
        ),
    }),
    release: batchRequests({
      ...common,
      carryOut: (requests) =>
        changes(
          statements.release,
          requests.map(({ scope, key, owner }) => ({ scope, key, owner })),
        ),
    }),
  };
}
