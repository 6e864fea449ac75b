import { storedName, tableName } from "../sql/names.ts";
import type { RecordName } from "../store.ts";
import { preparedName } from "./client.ts";
import { type Literal, literal, textLiteral, withLiterals } from "./literals.ts";
import { clock, columns, expired, heldUntil } from "./statements.ts";

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
  heldRetentionMs?: number | undefined;
}

/**
 * The statements of a keyed transaction. They have no parameters, so that several can travel in one message.
 *
 * @param isPrepared whether the two that each transaction has are parsed and planned once for each connection, where they were
 *   prepared by `preparing`.
 */
export function keyedStatements(prefix: string, isPrepared: boolean) {
  const keys = tableName(prefix, "keys");
  const named = (name: RecordName): string => {
    const { scope, key } = storedName(name);
    return `k.scope = ${textLiteral(scope)} AND k.key = ${textLiteral(key)}`;
  };
  const lockOf = ({ scope, key }: RecordName): string =>
    `hashtextextended(${textLiteral(JSON.stringify([keys, scope, key]))}, 0)`;
  const lookUp = namedStatement(
    isPrepared,
    `WITH ${clock} SELECT clock.ms, ${columns} FROM clock, ${keys} AS k WHERE k.scope = $1 AND k.key = $2`,
    "text, text",
  );
  const store = namedStatement(
    isPrepared,
    `WITH ${clock} INSERT INTO ${keys}
      (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at, expires_at)
      SELECT $1, $2, 'done', $3, $4, 1, ms, ms, '{}', $5, ms, ms + $6 FROM clock`,
    "text, text, text, text, bytea, bigint",
  );
  return {
    preparing: `${lookUp.preparing}; ${store.preparing}`,
    /** Takes the key's lock until the transaction ends, unless another has it: says whether it is `locked`. */
    tryLock: (name: RecordName) => `SELECT pg_try_advisory_xact_lock(${lockOf(name)}) AS locked`,
    /** The same, but waits for another to end. */
    waitForLock: (name: RecordName) => `SELECT true AS locked FROM pg_advisory_xact_lock(${lockOf(name)})`,
    /** The row of a key, expired or not. Its snapshot must be younger than the lock. */
    lookUp(name: RecordName) {
      const { scope, key } = storedName(name);
      return lookUp.with([scope, key]);
    },
    /** Holds a key: a running row whose lease is over. One that is there stays as it is. */
    hold: ({ fingerprint, owner, heldRetentionMs, ...name }: HeldKey) => {
      const { scope, key } = storedName(name);
      return `WITH ${clock} INSERT INTO ${keys}
        (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, created_at, expires_at)
        SELECT ${textLiteral(scope)}, ${textLiteral(key)}, 'running', ${textLiteral(fingerprint)}, ${textLiteral(owner)},
          1, ms, ms, '{}', ms, ${heldUntil(literal(heldRetentionMs ?? null))} FROM clock ON CONFLICT DO NOTHING`;
    },
    /** Makes room for a new row where an expired one is. */
    clear: (name: RecordName) =>
      `WITH ${clock} DELETE FROM ${keys} AS k USING clock WHERE ${named(name)} AND ${expired}`,
    /** Keeps a result. A new row each time, so that no dead one is left. */
    store({ fingerprint, owner, result, retentionMs, ...name }: StoredResult) {
      const { scope, key } = storedName(name);
      return store.with([scope, key, fingerprint, owner, result, retentionMs]);
    },
  };
}

export type KeyedStatements = ReturnType<typeof keyedStatements>;

/**
 * A statement to be executed by its name, with its values in the text: the server takes as long to parse and plan one of
 * these as to carry it out.
 */
function namedStatement(isPrepared: boolean, text: string, types: string) {
  // `pg` prepares by names of the same kind, and must not take this one for its own.
  const name = preparedName(`by name: ${text}`);
  return {
    preparing: `PREPARE ${name} (${types}) AS ${text}`,
    with: (values: readonly Literal[]): string =>
      isPrepared ? `EXECUTE ${name} (${values.map(literal).join(", ")})` : withLiterals(text, values),
  };
}
