import { storedNever } from "../expiry.ts";
import { heldCountMax } from "../held-count.ts";
import { tableName } from "../sql/names.ts";

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
 * The same for a statement whose commit does not wait for the disk: what a crash of the server takes back must be harmless.
 */
export const lazyClock = `clock AS MATERIALIZED (SELECT ${now} AS ms, ${commitLazily} AS setting)`;

/** What is read of a row `k`. */
export const columns =
  "k.scope, k.key, k.state, k.fingerprint, k.owner, k.attempt, k.fence, k.lease_until, " +
  "k.checkpoints::text AS checkpoints, k.result, k.created_at, k.expires_at, k.settled_at, k.settlement_note";

/** When a record expires that runs; `held`: its `heldRetentionMs`, or null. */
export const heldUntil = (held: string): string => `coalesce(ms + ${held}, ${storedNever})`;

/** Mirrors `isExpired` of transition.ts. */
export const expired = "(k.expires_at <= clock.ms AND (k.state = 'done' OR k.lease_until <= clock.ms))";

const named = "k.scope = $1 AND k.key = $2";
const abandoned = `k.state = 'running' AND k.lease_until <= clock.ms`;

/** What an owner's request names, of a batch. */
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
     * A batch of completions, whose results are the parts of `$3`. Also where it is done: the owner may have missed that its
     * first completion was acknowledged.
     */
    complete: `WITH ${clock}, ${askedOfEach("retention bigint", "first integer", "length integer")} ${update} SET
        state = 'done', checkpoints = '{}', result = coalesce(k.result, substr($3::bytea, asked.first, asked.length)),
        expires_at = CASE k.state WHEN 'done' THEN k.expires_at ELSE clock.ms + asked.retention END
      FROM clock, asked WHERE ${owned} RETURNING asked.n`,
    /** A batch. */
    renew: `WITH ${clock}, ${askedOfEach("lease bigint")} ${update} SET lease_until = clock.ms + asked.lease
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
    inspect: `WITH ${clock} SELECT clock.ms, ${columns} FROM clock, ${keys} AS k WHERE ${named} AND NOT ${expired}`,
    list: (conditions: readonly string[], limit: string) => `
      WITH ${clock} SELECT clock.ms, ${columns} FROM clock, ${keys} AS k
      WHERE ${[`NOT ${expired}`, ...conditions].join(" AND ")} ORDER BY k.scope, k.key LIMIT ${limit}`,
    // They stand together in the index of expiries.
    countHeld: `WITH ${clock} SELECT count(*) AS keys, max(held.over_ms) AS oldest_ms FROM (
        SELECT clock.ms - k.lease_until AS over_ms FROM ${keys} AS k, clock
        WHERE k.expires_minute = ${storedNever} / 60000 AND k.expires_at = ${storedNever} AND ${abandoned}
        LIMIT ${heldCountMax}) AS held`,
    // By the place in its file, which a row of another partition may share.
    purge: `
      WITH ${clock}, found AS MATERIALIZED (
        SELECT k.tableoid AS file, k.ctid AS place FROM ${keys} AS k, clock
        WHERE k.expires_minute <= (SELECT ms / 60000 FROM clock) AND ${expired}
        ORDER BY k.expires_minute LIMIT $1::bigint FOR UPDATE OF k SKIP LOCKED),
      gone AS (
        DELETE FROM ${keys} AS k USING found
        WHERE k.ctid = ANY (ARRAY(SELECT place FROM found)) AND k.tableoid = found.file AND k.ctid = found.place
        RETURNING true)
      SELECT count(*) AS purged FROM gone`,
  };
}

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
    WITH ${clock}, ${asked("fingerprint text", "lease bigint", "held bigint")},
    created AS (
      INSERT INTO ${keys} (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints,
        created_at, expires_at)
      SELECT scope, key, 'running', fingerprint, owner, 1, ms, ms + lease, '{}', ms, ${heldUntil("held")}
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
      expires_at = greatest(k.expires_at, ${heldUntil("$6::bigint")}), settled_at = NULL, settlement_note = NULL
    FROM clock
    WHERE ${named} AND (${expired} OR (k.fingerprint = $3 AND k.state = 'running'
      AND (k.owner = $4 OR (k.lease_until <= clock.ms AND clock.ms - k.lease_until >= $7::float8))))
    RETURNING clock.ms, ${columns}`;
}

export type PostgresStatements = ReturnType<typeof postgresStatements>;
