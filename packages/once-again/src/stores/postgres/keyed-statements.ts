import { storedName, tableName } from "../sql/names.ts";
import type { RecordName } from "../store.ts";
import { bytesLiteral, integerLiteral, textLiteral } from "./literals.ts";
import { clock, columns, expired } from "./statements.ts";

/** A result to be stored, with the token of who keeps it. */
export interface StoredResult extends RecordName {
  fingerprint: string;
  owner: string;
  result: Uint8Array;
  retentionMs: number;
}

/** An operation that nobody may run again, with the token of who ran it. */
export interface HeldKey extends RecordName {
  fingerprint: string;
  owner: string;
  retentionMs: number;
}

/** The statements of a keyed transaction. They have no parameters, so that several can travel in one message. */
export function keyedStatements(prefix: string) {
  const keys = tableName(prefix, "keys");
  const named = (name: RecordName): string => {
    const { scope, key } = storedName(name);
    return `k.scope = ${textLiteral(scope)} AND k.key = ${textLiteral(key)}`;
  };
  const lockOf = ({ scope, key }: RecordName): string =>
    `hashtextextended(${textLiteral(JSON.stringify([keys, scope, key]))}, 0)`;
  return {
    /** Takes the key's lock until the transaction ends, unless another has it: says whether it is `locked`. */
    tryLock: (name: RecordName) => `SELECT pg_try_advisory_xact_lock(${lockOf(name)}) AS locked`,
    /** The same, but waits for another to end. */
    waitForLock: (name: RecordName) => `SELECT true AS locked FROM pg_advisory_xact_lock(${lockOf(name)})`,
    /** The row of a key, expired or not. Its snapshot must be younger than the lock. */
    lookUp: (name: RecordName) =>
      `WITH ${clock} SELECT clock.ms, ${columns} FROM clock, ${keys} AS k WHERE ${named(name)}`,
    /** Holds a key: a running row whose lease is over. One that is there stays as it is. */
    hold: ({ fingerprint, owner, retentionMs, ...name }: HeldKey) => {
      const { scope, key } = storedName(name);
      return `WITH ${clock} INSERT INTO ${keys}
        (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, created_at, expires_at)
        SELECT ${textLiteral(scope)}, ${textLiteral(key)}, 'running', ${textLiteral(fingerprint)}, ${textLiteral(owner)},
          1, ms, ms, '{}', ms, ms + ${integerLiteral(retentionMs)} FROM clock ON CONFLICT DO NOTHING`;
    },
    /** Makes room for a new row where an expired one is. */
    clear: (name: RecordName) =>
      `WITH ${clock} DELETE FROM ${keys} AS k USING clock WHERE ${named(name)} AND ${expired}`,
    /** Keeps a result. A new row each time, so that no dead one is left. */
    store: ({ fingerprint, owner, result, retentionMs, ...name }: StoredResult) => {
      const { scope, key } = storedName(name);
      return `WITH ${clock} INSERT INTO ${keys}
        (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at, expires_at)
        SELECT ${textLiteral(scope)}, ${textLiteral(key)}, 'done', ${textLiteral(fingerprint)}, ${textLiteral(owner)},
          1, ms, ms, '{}', ${bytesLiteral(result)}, ms, ms + ${integerLiteral(retentionMs)} FROM clock`;
    },
  };
}

export type KeyedStatements = ReturnType<typeof keyedStatements>;
