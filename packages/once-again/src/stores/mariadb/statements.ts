import { aheadMsMin, storedNever } from "../transition.ts";
import { heldCountMax } from "../health.ts";
import { tableName } from "../sql/names.ts";

/**
 * The server's time: whole milliseconds since the epoch, the same wherever it stands in one statement, so that the
 * statement decides by one time. SYSDATE would be read again each time, and is local time, in which an hour of every
 * autumn comes twice. A statement that waits for another's lock goes on with the time at which it came: a lease may end
 * a little sooner than it was asked for, and never later.
 */
export const clock = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000)";

/** Names and tokens are text again. */
const plainColumns = [
  ...["scope", "`key`", "fingerprint", "owner"].map((column) => `CONVERT(${column} USING utf8mb4) AS ${column}`),
  ...["state", "attempt", "fence", "lease_until", "created_at", "expires_at", "settled_at", "settlement_note"],
  `${clock} AS ms`,
].join(", ");

/** The columns that decide, of a row. */
const columns = `${plainColumns}, checkpoints, result`;

/** The columns that people see, of a row. */
const shownColumns = `details, ${columns}`;

/** Those of a list. */
const listColumns = {
  whole: shownColumns,
  sizes: `details, ${plainColumns}, LENGTH(result) AS result_bytes,
    IF(JSON_VALID(checkpoints), JSON_LENGTH(checkpoints), NULL) AS checkpoint_count`,
} as const;

/** When a record expires that runs; `held`: its `heldRetentionMs`, or null. */
const heldUntil = (held: string): string => `COALESCE(${clock} + ${held}, ${storedNever})`;

/** Mirrors `isExpired` of transition.ts. */
const expired = `(expires_at <= ${clock} AND (state = 'done' OR lease_until <= ${clock}))`;

/** A broken row is left as it is: see `recordProblem` of transition.ts. What a claim assigns keeps this true. */
const whole = "(attempt >= 1 AND NOT (state = 'running' AND result IS NOT NULL))";

const named = "scope = ? AND `key` = ?";
const owned = `${named} AND owner = ? AND NOT ${expired}`;
/** The same of so many. A join with a list of them takes the server twice as long, and of one, `IN` would read the whole table. */
const ownedOf = (count: number): string =>
  `(${Array.from({ length: count }, () => `${named} AND owner = ?`).join(" OR ")}) AND NOT ${expired}`;
const abandoned = `state = 'running' AND lease_until <= ${clock}`;

/** The condition of a record in each of the states that people see. */
export const inState = {
  running: `state = 'running' AND NOT (${abandoned})`,
  abandoned,
  done: "state = 'done'",
} as const;

/**
 * A claim as JSON, in its own list: a statement can name its columns as often as it needs. They have names of their own,
 * and one character more than those of the table: what is too long is refused, not cut.
 */
function askedClaim(): string {
  const required = [
    "asked_scope VARCHAR(1025) PATH '$.scope'",
    "asked_key VARCHAR(1025) PATH '$.key'",
    "asked_owner VARCHAR(256) PATH '$.owner'",
    "asked_fingerprint VARCHAR(4097) PATH '$.fingerprint'",
    "lease BIGINT PATH '$.leaseMs'",
  ].map((column) => `${column} ERROR ON EMPTY ERROR ON ERROR`);
  const optional = [
    "held BIGINT PATH '$.heldRetentionMs'",
    "take_over_after DOUBLE PATH '$.takeOverAfterMs'",
    "asked_details TEXT PATH '$.details'",
  ];
  return `JSON_TABLE(CONVERT(? USING utf8mb4), '$[*]' COLUMNS (${[...required, ...optional].join(", ")})) AS asked`;
}

/** The statements of the port, one for each method, with the order of their values. */
export function mariadbStatements(prefix: string) {
  const keys = tableName(prefix, "keys");
  // Each row by the primary key, and in its order: to read a small table whole would lock all of it.
  const update = `UPDATE ${keys} FORCE INDEX (PRIMARY)`;
  return {
    /** So many claims: each makes its row, or reads the one that is there. */
    claim: byCount((count) => claimStatement(keys, count)),
    /** A claim of a record that is open to it. */
    takeOver: takeOverStatement(keys),
    /** result, retention, scope, key, owner: for the transaction that claimed the record and has it locked. */
    store: `UPDATE ${keys} SET state = 'done', result = ?, expires_at = ${clock} + ? WHERE ${named} AND owner = ?`,
    /**
     * So many completions: retention; of each scope, key, result; of each scope, key, owner. Also where it is done: the owner
     * may have missed that its first completion was acknowledged. Each column is assigned after those that need its old value.
     */
    complete: byCount(
      (count) => `${update}
      SET expires_at = IF(state = 'done', expires_at, ${clock} + ?),
        result = COALESCE(result, CASE ${"WHEN scope = ? AND `key` = ? THEN ? ".repeat(count)}END),
        checkpoints = '{}', state = 'done'
      WHERE ${ownedOf(count)}`,
    ),
    /** So many renewals: lease; of each scope, key, owner. */
    renew: byCount((count) => `${update} SET lease_until = ${clock} + ? WHERE ${ownedOf(count)} AND state = 'running'`),
    /** details, lease, scope, key, owner */
    renewWithDetails: `${update} SET details = ?, lease_until = ${clock} + ? WHERE ${owned} AND state = 'running'`,
    /** checkpoint, scope, key, owner */
    checkpoint: `UPDATE ${keys} SET checkpoints = JSON_MERGE_PATCH(checkpoints, CONVERT(? USING utf8mb4))
      WHERE ${owned} AND state = 'running'`,
    /** scope, key, owner: a release of the first attempt, and of a later one. */
    remove: `DELETE FROM ${keys} WHERE ${owned} AND state = 'running' AND attempt = 1`,
    abandon: `UPDATE ${keys} SET lease_until = LEAST(lease_until, ${clock})
      WHERE ${owned} AND state = 'running' AND attempt > 1`,
    /** result, note, retention, scope, key */
    settle: `UPDATE ${keys} SET owner = '', checkpoints = '{}', result = ?, settlement_note = ?, settled_at = ${clock},
      expires_at = ${clock} + ?, state = 'done' WHERE ${named} AND ${abandoned} AND NOT ${expired}`,
    /** scope, key */
    forget: `DELETE FROM ${keys} WHERE ${named} AND ${abandoned} AND NOT ${expired}`,
    forgetBroken: `DELETE FROM ${keys} WHERE ${named}`,
    /** scope, key */
    lookUp: `SELECT ${columns} FROM ${keys} WHERE ${named}`,
    inspect: `SELECT ${shownColumns} FROM ${keys} WHERE ${named} AND NOT ${expired}`,
    list: (content: keyof typeof listColumns, conditions: readonly string[], place: string) => `
      SELECT ${listColumns[content]} FROM ${keys}
      WHERE ${[`NOT ${expired}`, ...conditions].join(" AND ")} ORDER BY ${place} LIMIT ?`,
    /** They stand together in the index of expiries. */
    countHeld: `SELECT COUNT(*) AS \`keys\`, MAX(over_ms) AS oldest_ms, (SELECT COUNT(*) FROM (
      SELECT 1 FROM ${keys}
      WHERE expires_at = ${storedNever} AND state = 'running' AND fence > ${clock} + ${aheadMsMin} LIMIT ${heldCountMax}) AS early) AS ahead
      FROM (
      SELECT ${clock} - lease_until AS over_ms FROM ${keys}
      WHERE expires_at = ${storedNever} AND ${abandoned} LIMIT ${heldCountMax}) AS held`,
    /** limit */
    purge: `DELETE FROM ${keys} WHERE ${expired} ORDER BY expires_at LIMIT ?`,
    /** scope, limit */
    purgeScope: `DELETE FROM ${keys} WHERE scope = ? AND ${expired} LIMIT ?`,
  };
}

export type MariadbStatements = ReturnType<typeof mariadbStatements>;

/** Makes the text for each number of rows once. */
function byCount(text: (count: number) => string): (count: number) => string {
  const texts: string[] = [];
  return (count) => (texts[count] ??= text(count));
}

/** The same statement, which waits so long for another's lock. Its unit is the second; 0 is: not at all. */
export function waitingFor(seconds: number, statement: string): string {
  return `SET STATEMENT innodb_lock_wait_timeout = ${seconds} FOR ${statement}`;
}

const claimColumns =
  "(scope, `key`, state, fingerprint, owner, attempt, fence, lease_until, checkpoints, created_at, expires_at, details)";

/**
 * Creates records, or leaves those that are there, which are not written; either way their rows are locked, and come back.
 * Of each: scope, key, fingerprint, owner, lease, held, details. Nearly all claims need no more than that, and the statement that
 * can take a record over takes the server several times as long to parse.
 */
function claimStatement(keys: string, count: number): string {
  const row = `(?, ?, 'running', ?, ?, 1, ${clock}, ${clock} + ?, '{}', ${clock}, ${heldUntil("?")}, ?)`;
  const rows = Array.from({ length: count }, () => row).join(", ");
  return `INSERT INTO ${keys} ${claimColumns} VALUES ${rows} ON DUPLICATE KEY UPDATE attempt = attempt RETURNING ${columns}`;
}

/**
 * Creates the record, takes it over, or leaves it as it is; one that is left is not written. The row that comes back is
 * the claim's own where it won, and otherwise what stands in its way.
 *
 * MariaDB assigns from left to right, and what was assigned is what later expressions see. So the columns that decide
 * come last, `owner` first among them: from then on, who has won is known by its token on a record that is open to it.
 */
function takeOverStatement(keys: string): string {
  const now = clock;
  const same = "fingerprint = VALUES(fingerprint) AND state = 'running'";
  // Without a time it is unknown, which counts as false.
  const overdue = `lease_until <= ${now} AND ${now} - lease_until >= take_over_after`;
  const open = `(${whole} AND (${expired} OR (${same} AND (owner = VALUES(owner) OR (${overdue})))))`;
  const won = `(${whole} AND owner = VALUES(owner) AND (${expired} OR (${same})))`;
  const first = (own: string, next: string): string => `IF(owner = VALUES(owner), ${own}, ${next})`;
  return `INSERT INTO ${keys} ${claimColumns}
    SELECT asked_scope, asked_key, 'running', asked_fingerprint, asked_owner, 1, ${now}, ${now} + lease, '{}', ${now},
      ${heldUntil("held")}, FROM_BASE64(asked_details)
    FROM ${askedClaim()}
    ON DUPLICATE KEY UPDATE
      attempt = IF(${open}, IF(${expired}, 1, ${first("attempt", "attempt + 1")}), attempt),
      fence = IF(${open}, IF(${expired}, ${now}, ${first("fence", `GREATEST(${now}, fence + 1)`)}), fence),
      checkpoints = IF(${open} AND ${expired}, '{}', checkpoints),
      result = IF(${open}, NULL, result),
      created_at = IF(${open} AND ${expired}, ${now}, created_at),
      settled_at = IF(${open}, NULL, settled_at),
      settlement_note = IF(${open}, NULL, settlement_note),
      details = IF(${open}, VALUES(details), details),
      owner = IF(${open}, VALUES(owner), owner),
      fingerprint = IF(${won}, VALUES(fingerprint), fingerprint),
      state = IF(${won}, 'running', state),
      lease_until = IF(${won}, VALUES(lease_until), lease_until),
      expires_at = IF(${won}, GREATEST(expires_at, VALUES(expires_at)), expires_at)
    RETURNING ${columns}`;
}
