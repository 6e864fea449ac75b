import { aheadMsMin, storedNever } from "../transition.ts";
import { heldCountMax } from "../health.ts";
import { storedName, tableName } from "../sql/names.ts";
import type { KeyRow } from "../sql/record-format.ts";
import type { RecordName } from "../store.ts";
import { preparedName } from "./client.ts";

const now = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/** Has the transaction of its statement not wait for the disk when it commits. */
export const commitLazily = "set_config('synchronous_commit', 'off', true)";

/**
 * The store's time, read once in each statement: whole milliseconds since the epoch. `now()` would be the time at which
 * the transaction began. A statement that waits for another's lock goes on with the time at which it came, so a lease
 * may end sooner than its owner believes it was asked for, and never later.
 */
export const clock = `clock AS MATERIALIZED (SELECT ${now} AS ms)`;

/**
 * The same for a statement that does not wait for the disk when it commits: what a crash of the server takes back must be harmless.
 */
export const lazyClock = `clock AS MATERIALIZED (SELECT ${now} AS ms, ${commitLazily} AS setting)`;

const plainColumns = [
  ...["scope", "key", "state", "fingerprint", "owner", "attempt", "fence", "lease_until"],
  ...["created_at", "expires_at", "settled_at"],
];

/** The columns that decide, of a row `k`. */
const columns = [
  ...plainColumns.map((column) => `k.${column}`),
  "k.checkpoints::text AS checkpoints, k.result, k.settlement_note",
].join(", ");

/** The columns that people see, of a row `k`. */
const shownColumns = `${columns}, k.details`;

/** Those of a list of sizes. PostgreSQL knows the length of a result without reading it. */
const sizesColumns = [
  ...plainColumns.map((column) => `k.${column}`),
  "octet_length(k.result) AS result_bytes, k.settlement_note, k.details",
  `CASE jsonb_typeof(k.checkpoints) WHEN 'object' THEN (SELECT count(*) FROM jsonb_object_keys(k.checkpoints)) END
    AS checkpoint_count`,
].join(", ");

const listColumns = { whole: shownColumns, sizes: sizesColumns } as const;

/**
 * The columns that decide, for a statement that has a row at most, and often none: the result, and the others as JSON. A
 * driver reads the name and the type of each column in each answer, and fifteen of them cost it more than the rest of an answer
 * without a row. A batch has them once for all its rows, and the server takes longer to make JSON of each.
 */
const record = `json_build_object('ms', ${now}, ${plainColumns.map((column) => `'${column}', k.${column}`).join(", ")},
    'checkpoints', k.checkpoints::text, 'settlement_note', encode(k.settlement_note, 'hex'))::text AS record, k.result`;

/** A row as `record` answers it. */
export interface RecordRow {
  readonly record: string;
  readonly result: Uint8Array | null;
}

/** The row that was answered. */
export function keyRowOf({ record, result }: RecordRow): KeyRow {
  const row = JSON.parse(record) as Omit<KeyRow, "result" | "settlement_note"> & { settlement_note: string | null };
  const note = row.settlement_note;
  return { ...row, result, settlement_note: note === null ? null : Buffer.from(note, "hex") };
}

/** When a record expires that runs; `held`: its `heldRetentionMs`, or null. */
export const heldUntil = (held: string): string => `coalesce(ms + ${held}, ${storedNever})`;

/** Mirrors `isExpired` of transition.ts. */
export const expired = "(k.expires_at <= clock.ms AND (k.state = 'done' OR k.lease_until <= clock.ms))";

const named = "k.scope = $1 AND k.key = $2";

/** Running and held keys stand together in the index of expiries. */
const unending = `k.expires_minute = ${storedNever} / 60000 AND k.expires_at = ${storedNever}`;

const abandoned = `k.state = 'running' AND k.lease_until <= clock.ms`;

/** The row that an owner's request of a batch names. */
const owned = `k.scope = asked.scope AND k.key = asked.key AND k.owner = asked.owner AND NOT ${expired}`;

/**
 * The requests of a batch, one of a record, in the order in which their rows are locked: `$1` is a list of them as JSON,
 * numbered by `n`. `$2` is how long each lock is waited for, milliseconds; it ends with the statement's transaction.
 */
function asked(...fields: string[]): string {
  return `asked AS MATERIALIZED (${requests(fields)})`;
}

/**
 * The same for rows that are there. A list of unknown length would be joined by reading the whole table, where that was
 * small when the plan was made. Of a range the planner expects a single row, and looks each one up by the index.
 */
function askedOfEach(...fields: string[]): string {
  return `asked AS MATERIALIZED (${requests(fields)} WHERE a.n BETWEEN 0 AND 1000000)`;
}

function requests(fields: readonly string[]): string {
  const all = ["n integer", "scope text", "key text", "owner text", ...fields];
  return `SELECT a.* FROM set_config('lock_timeout', $2, true), json_to_recordset($1::text::json) AS a(${all.join(", ")})`;
}

/** The statements of the port: one for each method, two for a claim. `$1` and `$2` are a record's name, or a batch. */
export function postgresStatements(prefix: string, replayTouch: boolean) {
  const keys = tableName(prefix, "keys");
  const update = `UPDATE ${keys} AS k`;
  return {
    /** A batch of claims. */
    claim: claimStatement(keys, replayTouch),
    takeOver: takeOverStatement(keys),
    /**
     * A batch of completions; their results are the parts of `$3`. Also where it is done: the owner may have missed that its
     * first completion was acknowledged.
     */
    complete: `WITH ${clock}, ${askedOfEach("retention bigint", "first integer", "length integer")} ${update} SET
        state = 'done', checkpoints = '{}', result = coalesce(k.result, substr($3::bytea, asked.first, asked.length)),
        expires_at = CASE k.state WHEN 'done' THEN k.expires_at ELSE clock.ms + asked.retention END
      FROM clock, asked WHERE ${owned} RETURNING asked.n`,
    /** A batch. */
    renew: `WITH ${clock}, ${askedOfEach("lease bigint", "details text")} ${update} SET
        lease_until = clock.ms + asked.lease, details = coalesce(decode(asked.details, 'base64'), k.details)
      FROM clock, asked WHERE ${owned} AND k.state = 'running' RETURNING asked.n`,
    /** A batch. */
    release: `WITH ${clock}, ${askedOfEach()},
      removed AS (DELETE FROM ${keys} AS k USING clock, asked
        WHERE ${owned} AND k.state = 'running' AND k.attempt = 1 RETURNING asked.n),
      abandoned AS (${update} SET lease_until = least(k.lease_until, clock.ms) FROM clock, asked
        WHERE ${owned} AND k.state = 'running' AND k.attempt > 1 RETURNING asked.n)
      SELECT n FROM removed UNION ALL SELECT n FROM abandoned`,
    checkpoint: `WITH ${clock} ${update} SET checkpoints = k.checkpoints || $4::text::jsonb FROM clock
      WHERE ${named} AND k.owner = $3 AND NOT ${expired} AND k.state = 'running' RETURNING true`,
    settle: `WITH ${clock} ${update} SET state = 'done', owner = '', checkpoints = '{}', result = $3::bytea,
        expires_at = clock.ms + $4::bigint, settled_at = clock.ms, settlement_note = $5::bytea
      FROM clock WHERE ${named} AND ${abandoned} AND NOT ${expired} RETURNING true`,
    forget: `WITH ${clock} DELETE FROM ${keys} AS k USING clock
      WHERE ${named} AND ${abandoned} AND NOT ${expired} RETURNING true`,
    forgetBroken: `DELETE FROM ${keys} AS k WHERE ${named} RETURNING true`,
    inspect: `WITH ${clock} SELECT clock.ms, ${shownColumns} FROM clock, ${keys} AS k WHERE ${named} AND NOT ${expired}`,
    list: (content: keyof typeof listColumns, conditions: readonly string[], place: string, limit: string) => `
      WITH ${clock} SELECT clock.ms, ${listColumns[content]} FROM clock, ${keys} AS k
      WHERE ${[`NOT ${expired}`, ...conditions].join(" AND ")} ORDER BY ${place} LIMIT ${limit}`,
    countHeld: `WITH ${clock} SELECT count(*) AS keys, max(held.over_ms) AS oldest_ms, (SELECT count(*) FROM (
        SELECT true FROM ${keys} AS k, clock
        WHERE ${unending} AND k.state = 'running' AND k.fence > clock.ms + ${aheadMsMin} LIMIT ${heldCountMax}) AS early) AS ahead
      FROM (
        SELECT clock.ms - k.lease_until AS over_ms FROM ${keys} AS k, clock WHERE ${unending} AND ${abandoned}
        LIMIT ${heldCountMax}) AS held`,
    // By the place in its file, which a row of another partition may share.
    purge: `
      WITH ${clock}, found AS MATERIALIZED (
        SELECT k.tableoid AS file, k.ctid AS place FROM ${keys} AS k, clock
        WHERE k.expires_minute <= (SELECT ms / 60000 FROM clock) AND ${expired}
          AND ($2::text IS NULL OR k.scope = $2::text)
        ORDER BY k.expires_minute LIMIT $1::bigint FOR UPDATE OF k SKIP LOCKED),
      gone AS (
        DELETE FROM ${keys} AS k USING found
        WHERE k.ctid = ANY (ARRAY(SELECT place FROM found)) AND k.tableoid = found.file AND k.ctid = found.place
        RETURNING true)
      SELECT count(*) AS purged FROM gone`,
  };
}

export type PostgresStatements = ReturnType<typeof postgresStatements>;

/**
 * Makes the rows, or reads those that are there, as the statement's snapshot has them: a replay writes nothing. `won` says
 * that a row was made. A row that another made meanwhile is not in the answer, which then has no name: ask again.
 */
function claimStatement(keys: string, replayTouch: boolean): string {
  // A message in the write-ahead log, which commits as a write does: with a synchronous standby, not before the standby
  // has everything up to it, the row that is replayed included.
  const touch = replayTouch
    ? ", CASE k.state WHEN 'done' THEN pg_logical_emit_message(true, 'once_again', '') END::text AS touched"
    : "";
  return `
    WITH ${clock}, ${asked("fingerprint text", "lease bigint", "held bigint", "details text")},
    created AS (
      INSERT INTO ${keys} (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints,
        created_at, expires_at, details)
      SELECT scope, key, 'running', fingerprint, owner, 1, ms, ms + lease, '{}', ms, ${heldUntil("held")},
        decode(details, 'base64')
      FROM asked, clock ON CONFLICT DO NOTHING RETURNING scope, key)
    SELECT asked.n, created.key IS NOT NULL AS won, clock.ms, k.*
    FROM clock CROSS JOIN asked
    LEFT JOIN created ON created.scope = asked.scope AND created.key = asked.key
    LEFT JOIN LATERAL (
      SELECT ${columns}${touch} FROM ${keys} AS k
      WHERE created.key IS NULL AND k.scope = asked.scope AND k.key = asked.key LIMIT 1) AS k ON true`;
}

/** Takes a row that is open to this claim: expired, its own, or abandoned for long enough. */
function takeOverStatement(keys: string): string {
  return `
    WITH ${clock}
    UPDATE ${keys} AS k SET
      state = 'running', fingerprint = $3, owner = $4, result = NULL, lease_until = clock.ms + $5::bigint,
      attempt = CASE WHEN ${expired} THEN 1 WHEN k.owner = $4 THEN k.attempt ELSE k.attempt + 1 END,
      fence = CASE WHEN ${expired} THEN clock.ms WHEN k.owner = $4 THEN k.fence
        ELSE greatest(clock.ms, k.fence + 1) END,
      checkpoints = CASE WHEN ${expired} THEN '{}' ELSE k.checkpoints END,
      created_at = CASE WHEN ${expired} THEN clock.ms ELSE k.created_at END,
      expires_at = greatest(k.expires_at, ${heldUntil("$6::bigint")}), settled_at = NULL, settlement_note = NULL,
      details = decode($8::text, 'base64')
    FROM clock
    WHERE ${named} AND (${expired} OR (k.fingerprint = $3 AND k.state = 'running'
      AND (k.owner = $4 OR (k.lease_until <= clock.ms AND clock.ms - k.lease_until >= $7::float8))))
    RETURNING clock.ms, ${columns}`;
}

/** A result to be stored, with the token of who stores it. */
export interface StoredResult {
  readonly fingerprint: string;
  readonly owner: string;
  readonly result: Uint8Array;
  readonly retentionMs: number;
  readonly details: Uint8Array | undefined;
}

/** An operation that must not run again, with the token of who ran it. */
export interface HeldKey {
  readonly fingerprint: string;
  readonly owner: string;
  readonly heldRetentionMs?: number | undefined;
  readonly details?: Uint8Array | undefined;
}

/**
 * The statements of keyed transactions. They have no parameters, so that several can travel in one message.
 *
 * @param isPrepared whether those that each transaction has are parsed and planned once for each connection, where they were
 *   prepared by `preparing`.
 */
export function keyedStatements(prefix: string, isPrepared: boolean): KeyedStatements {
  const keys = tableName(prefix, "keys");
  const lookUpText = `SELECT ${record} FROM ${keys} AS k WHERE k.scope = $1 AND k.key = $2`;
  const storeText = `WITH ${clock} INSERT INTO ${keys}
    (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, result, created_at, expires_at,
      details)
    SELECT $1, $2, 'done', $3, $4, 1, ms, ms, '{}', $5, ms, ms + $6, $7 FROM clock`;
  // A connection that has the look, which is executed first, must have the other of the same table. And `pg` prepares by names
  // of the same kind, and must not take one of these for its own.
  const name = preparedName(`by name: ${[lookUpText, storeText].join("; ")}`);
  const lookUp = namedStatement(isPrepared, `${name}_look`, lookUpText, "text, text");
  const types = "text, text, text, text, bytea, bigint, bytea";
  const store = namedStatement(isPrepared, `${name}_store`, storeText, types);
  return {
    preparing: [store, lookUp].map(({ preparing }) => preparing).join("; "),
    of: (record) => new StatementsOfKey({ keys, lookUp: lookUp.with, store: store.with }, record),
  };
}

export interface KeyedStatements {
  readonly preparing: string;
  /** @throws OnceAgainError `ONCE_KEY_INVALID`. */
  of(name: RecordName): StatementsOfKey;
}

/** The number that stands for a lock: PostgreSQL's advisory locks have no names. */
const lockNumber = (name: string): string => `hashtextextended(${name}, 0)`;

interface NamedStatements {
  readonly keys: string;
  readonly lookUp: (literals: readonly string[]) => string;
  readonly store: (literals: readonly string[]) => string;
}

/** The statements of one key: its name is made a literal once for all of them. */
export class StatementsOfKey {
  readonly #named: NamedStatements;
  readonly #lock: string;
  readonly #scope: string;
  readonly #key: string;

  constructor(named: NamedStatements, name: RecordName) {
    const { scope, key } = storedName(name);
    this.#named = named;
    this.#lock = textLiteral(JSON.stringify([named.keys, name.scope, name.key]));
    this.#scope = textLiteral(scope);
    this.#key = textLiteral(key);
  }

  /** Takes the key's lock until the transaction ends, unless another has it: says whether it is `locked`. */
  tryLock(): string {
    return `SELECT pg_try_advisory_xact_lock(${lockNumber(this.#lock)}) AS locked`;
  }

  /** The same, but waits for another to end. */
  waitForLock(): string {
    return `SELECT true AS locked FROM pg_advisory_xact_lock(${lockNumber(this.#lock)})`;
  }

  /** The row of the key, expired or not. Its snapshot must be younger than the lock. */
  lookUp(): string {
    return this.#named.lookUp([this.#scope, this.#key]);
  }

  /** Holds the key: a running row with its lease over. One that is there stays as it is. */
  hold({ fingerprint, owner, heldRetentionMs, details }: HeldKey): string {
    return `WITH ${clock} INSERT INTO ${this.#named.keys}
      (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, created_at, expires_at, details)
      SELECT ${this.#scope}, ${this.#key}, 'running', ${textLiteral(fingerprint)}, ${textLiteral(owner)},
        1, ms, ms, '{}', ms, ${heldUntil(literal(heldRetentionMs ?? null))}, ${literal(details ?? null)}
      FROM clock ON CONFLICT DO NOTHING`;
  }

  /** Makes room for a new row where an expired one is. */
  clear(): string {
    return `WITH ${clock} DELETE FROM ${this.#named.keys} AS k USING clock
      WHERE k.scope = ${this.#scope} AND k.key = ${this.#key} AND ${expired}`;
  }

  /** Stores a result. A new row each time, so that no dead one is left. */
  store({ fingerprint, owner, result, retentionMs, details }: StoredResult): string {
    const literals = [this.#scope, this.#key, textLiteral(fingerprint), textLiteral(owner), bytesLiteral(result)];
    literals.push(integerLiteral(retentionMs), literal(details ?? null));
    return this.#named.store(literals);
  }
}

/**
 * A statement to be executed by its name, with its values in the text: the server takes as long to parse and plan one of
 * these as to execute it.
 */
function namedStatement(isPrepared: boolean, name: string, text: string, types: string) {
  return {
    // PREPARE outlives its rollback, so one may be there of a connection on which the other failed.
    preparing: `DO $once$BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE name = '${name}') THEN
      EXECUTE $text$PREPARE ${name} (${types}) AS ${text}$text$; END IF; END$once$`,
    with: (literals: readonly string[]): string =>
      isPrepared ? `EXECUTE ${name} (${literals.join(", ")})` : fillIn(text, (place) => literals[place]!),
  };
}

export type Literal = string | number | Uint8Array | null;

/** A statement with its values written into its text, in the places of `$1` and so on. */
export function withLiterals(text: string, values: readonly Literal[]): string {
  return fillIn(text, (place) => literal(values[place] ?? null));
}

/** @param literalAt the literal for a place, from 0. */
function fillIn(text: string, literalAt: (place: number) => string): string {
  return text.replaceAll(/\$(\d+)/g, (_, place: string) => literalAt(Number(place) - 1));
}

export function literal(value: Literal): string {
  if (value === null) return "NULL";
  if (typeof value === "number") return integerLiteral(value);
  return typeof value === "string" ? textLiteral(value) : bytesLiteral(value);
}

/** Printable ASCII without quotes and backslashes: no setting and no encoding of a server reads it as anything else. */
const plain = /^[ -&(-[\]-~]*$/;

/**
 * Values as parts of a statement's text, for statements that travel together in one message, which can have no
 * parameters. What is not plain is written in hexadecimal: nothing in it can end the literal, whatever the server's settings are.
 */
export function textLiteral(text: string): string {
  return plain.test(text) ? `'${text}'::text` : `convert_from(${bytesLiteral(Buffer.from(text))}, 'UTF8')`;
}

export function bytesLiteral(bytes: Uint8Array): string {
  return `E'\\\\x${bufferOf(bytes).toString("hex")}'::bytea`;
}

/** The same bytes, not copied. */
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** @throws RangeError for what is no whole number. */
export function integerLiteral(value: number): string {
  return `${BigInt(value)}::bigint`;
}
