import { tableName } from "../sql/names.ts";

/**
 * The store's time, read once in each statement: whole milliseconds since the epoch. `now()` would be the time at which
 * the transaction began. A statement that waits for another's lock goes on with the time at which it came, so a lease
 * may end sooner than its owner believes it was asked for, and never later.
 */
export const clock = "clock AS MATERIALIZED (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms)";

/** What is read of a row `k`. */
export const columns =
  "k.scope, k.key, k.state, k.fingerprint, k.owner, k.attempt, k.fence, k.lease_until, " +
  "k.checkpoints::text AS checkpoints, k.result, k.created_at, k.expires_at";

/** Mirrors `isExpired` of transition.ts. */
export const expired = "(k.expires_at <= clock.ms AND (k.state = 'done' OR k.lease_until <= clock.ms))";

const named = "k.scope = $1 AND k.key = $2";
const owned = `${named} AND k.owner = $3 AND NOT ${expired}`;
const abandoned = `k.state = 'running' AND k.lease_until <= clock.ms`;

/** The statements of the port: one for each method, two for a claim. `$1` and `$2` are the record's name. */
export function postgresStatements(prefix: string, replayTouch: boolean) {
  const keys = tableName(prefix, "keys");
  const update = `WITH ${clock} UPDATE ${keys} AS k`;
  return {
    claim: claimStatement(keys, replayTouch),
    takeOver: takeOverStatement(keys),
    // Also where it is done: the owner may have missed that its first completion was acknowledged.
    complete: `${update} SET state = 'done', checkpoints = '{}', result = coalesce(k.result, $4::bytea),
        expires_at = CASE k.state WHEN 'done' THEN k.expires_at ELSE greatest(k.expires_at, clock.ms + $5::bigint) END
      FROM clock WHERE ${owned} RETURNING true`,
    renew: `${update} SET lease_until = clock.ms + $4::bigint
      FROM clock WHERE ${owned} AND k.state = 'running' RETURNING true`,
    checkpoint: `${update} SET checkpoints = k.checkpoints || $4::text::jsonb
      FROM clock WHERE ${owned} AND k.state = 'running' RETURNING true`,
    release: `WITH ${clock},
      removed AS (DELETE FROM ${keys} AS k USING clock
        WHERE ${owned} AND k.state = 'running' AND k.attempt = 1 RETURNING true AS released),
      abandoned AS (UPDATE ${keys} AS k SET lease_until = least(k.lease_until, clock.ms) FROM clock
        WHERE ${owned} AND k.state = 'running' AND k.attempt > 1 RETURNING true AS released)
      SELECT released FROM removed UNION ALL SELECT released FROM abandoned`,
    settle: `${update} SET state = 'done', owner = '', checkpoints = '{}', result = $3::bytea,
        expires_at = greatest(k.expires_at, clock.ms + $4::bigint)
      FROM clock WHERE ${named} AND ${abandoned} AND NOT ${expired} RETURNING true`,
    forget: `WITH ${clock} DELETE FROM ${keys} AS k USING clock
      WHERE ${named} AND ${abandoned} AND NOT ${expired} RETURNING true`,
    forgetBroken: `DELETE FROM ${keys} AS k WHERE ${named} RETURNING true`,
    inspect: `WITH ${clock} SELECT clock.ms, ${columns} FROM clock, ${keys} AS k WHERE ${named} AND NOT ${expired}`,
    list: (conditions: readonly string[], limit: string) => `
      WITH ${clock} SELECT clock.ms, ${columns} FROM clock, ${keys} AS k
      WHERE ${[`NOT ${expired}`, ...conditions].join(" AND ")} ORDER BY k.scope, k.key LIMIT ${limit}`,
    purge: `
      WITH ${clock}, gone AS (
        DELETE FROM ${keys} WHERE ctid = ANY (ARRAY(
          SELECT k.ctid FROM ${keys} AS k, clock
          WHERE k.expires_minute <= (SELECT ms / 60000 FROM clock) AND ${expired}
          ORDER BY k.expires_minute LIMIT $1::bigint FOR UPDATE OF k SKIP LOCKED))
        RETURNING true)
      SELECT count(*) AS purged FROM gone`,
  };
}

/**
 * Makes the row, or reads the one that is there, as the statement's snapshot has it: a replay writes nothing. `won` says
 * that it was made. A row that another made meanwhile is not in the answer, which then has no name: ask again.
 */
function claimStatement(keys: string, replayTouch: boolean): string {
  // A message in the write-ahead log, which commits as a write does: with a synchronous standby, not before the standby
  // has everything up to it, the row that is replayed included.
  const touch = replayTouch
    ? ", CASE k.state WHEN 'done' THEN pg_logical_emit_message(true, 'once_again', '') END::text AS touched"
    : "";
  return `
    WITH ${clock},
    created AS (
      INSERT INTO ${keys} (scope, key, state, fingerprint, owner, attempt, fence, lease_until, checkpoints,
        created_at, expires_at)
      SELECT $1::text, $2::text, 'running', $3::text, $4::text, 1, ms, ms + $5::bigint, '{}', ms, ms + $6::bigint
      FROM clock ON CONFLICT DO NOTHING RETURNING true AS won)
    SELECT created.won, clock.ms, ${columns}${touch}
    FROM clock LEFT JOIN created ON true LEFT JOIN ${keys} AS k ON created.won IS NULL AND ${named}`;
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
      expires_at = greatest(k.expires_at, clock.ms + $6::bigint)
    FROM clock
    WHERE ${named} AND (${expired} OR (k.fingerprint = $3 AND k.state = 'running'
      AND (k.owner = $4 OR (k.lease_until <= clock.ms AND clock.ms - k.lease_until >= $7::float8))))
    RETURNING clock.ms, ${columns}`;
}

export type PostgresStatements = ReturnType<typeof postgresStatements>;
