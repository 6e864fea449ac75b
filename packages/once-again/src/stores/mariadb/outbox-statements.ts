import { postponed, postponement } from "../sql/outbox.ts";
import { block } from "./session.ts";
import { clock } from "./statements.ts";

/** How many rows the ordering keys share as their locks. Of 100 keys at a time, one in 160 waits for another without need. */
const locks = 16_384;

/** The tables; run again, the statements change nothing. Names are bytes, as in the table of keys. */
export function outboxSchema(outbox: string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${outbox} (
  position     bigint          NOT NULL AUTO_INCREMENT PRIMARY KEY,
  id           varbinary(255)  NOT NULL,
  topic        varbinary(1024) NOT NULL,
  ordering_key varbinary(1024),
  passed_key   varbinary(1024),
  headers      longblob        NOT NULL,
  body         longblob        NOT NULL,
  added_at     bigint          NOT NULL,
  due_at       bigint          NOT NULL,
  owner        varbinary(255),
  refusals     int             NOT NULL DEFAULT 0,
  refusal      blob,
  parked_at    bigint,
  KEY ${outbox}_keyed (ordering_key, position),
  KEY ${outbox}_parked (parked_at, ordering_key, position)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4`,
    // All are there from the beginning: who waits for a row that another inserts and takes back may end in a deadlock.
    `CREATE TABLE IF NOT EXISTS ${outbox}_locks (slot int NOT NULL PRIMARY KEY) ENGINE = InnoDB
  SELECT seq AS slot FROM seq_0_to_${locks - 1}`,
  ];
}

const texts = ["id", "topic", "ordering_key", "passed_key", "headers", "refusal"].map(
  (column) => `CONVERT(m.${column} USING utf8mb4) AS ${column}`,
);

/** The columns that are read of a row `m`. */
const envelope = ["m.position", ...texts, "m.added_at", "m.refusals", "m.parked_at"].join(", ");

/** The same with its body. */
const columns = `${envelope}, m.body`;

const list = (count: number): string => Array.from({ length: count }, () => "?").join(", ");

/** The messages that are given back, as JSON. */
const ended = `JSON_TABLE(CONVERT(? USING utf8mb4), '$[*]' COLUMNS (position bigint PATH '$.position',
  owner varchar(255) PATH '$.owner', delay_ms bigint PATH '$.delay_ms', refusal mediumtext PATH '$.refusal',
  refusals int PATH '$.refusals',
  park varchar(5) PATH '$.park')) AS ended`;

export type OutboxStatements = ReturnType<typeof outboxStatements>;

/** The statements of the port, with the order of their values. */
export function outboxStatements(outbox: string) {
  // By any other index, a statement that locks would meet rows that are not committed, and wait for those who add them.
  const [keyed, parked, primary] = [`${outbox}_keyed`, `${outbox}_parked`, "PRIMARY"].map(
    (index) => `FORCE INDEX (${index})`,
  );
  const parkedNamed = "parked_at IS NOT NULL AND id = ?";
  return {
    /** key */
    lock: `SELECT slot FROM ${outbox}_locks WHERE slot = CRC32(?) MOD ${locks} FOR UPDATE`,
    /** id, topic, key, headers, body. Nothing where no transaction is open. */
    add: `INSERT INTO ${outbox} (id, topic, ordering_key, headers, body, added_at, due_at)
      SELECT ?, ?, ?, ?, ?, ${clock}, ${clock} FROM DUAL WHERE @@in_transaction = 1 OR @@autocommit = 0`,
    /** last position, limit; last key, how many keys are looked at. Both read without a lock, so they see what is committed. */
    look: block([
      `SELECT position FROM ${outbox} ${parked}
        WHERE parked_at IS NULL AND ordering_key IS NULL AND position > ? AND due_at <= ${clock}
        ORDER BY position LIMIT ?`,
      // From key to key by the index, however many messages each has.
      `SELECT CONVERT(oldest.ordering_key USING utf8mb4) AS ordering_key, oldest.position, oldest.newest,
          m.parked_at IS NULL AND m.due_at <= ${clock} AS is_free
        FROM (SELECT ordering_key, MIN(position) AS position, MAX(position) AS newest FROM ${outbox} ${keyed}
          WHERE ordering_key > ? GROUP BY ordering_key LIMIT ?) AS oldest
        JOIN ${outbox} AS m ON m.position = oldest.position ORDER BY oldest.ordering_key`,
    ]),
    /** owner, lease, positions; then of each key: its name, newest, position, owner, limit; then positions without a key, owner */
    take: (keyless: number, keys: number) => {
      // The lease of a key lies on its oldest message. One that another has claimed since is not free any more.
      const own = `UPDATE ${outbox} ${primary} SET owner = ?, due_at = ${clock} + ?
        WHERE position IN (${list(keyless + keys)}) AND parked_at IS NULL AND due_at <= ${clock}`;
      const ofKey = `(SELECT ${columns} FROM ${outbox} AS m ${keyed} WHERE m.ordering_key = ? AND m.position <= ?
        AND (SELECT o.owner FROM ${outbox} AS o WHERE o.position = ?) = ? ORDER BY m.position LIMIT ?)`;
      const ofNone = `(SELECT ${columns} FROM ${outbox} AS m WHERE m.position IN (${list(keyless)}) AND m.owner = ?
        ORDER BY m.position LIMIT ${keyless})`;
      const parts = [...Array.from({ length: keys }, () => ofKey), ...(keyless > 0 ? [ofNone] : [])];
      return committed([own, parts.join(" UNION ALL ")]);
    },
    /** positions */
    confirm: (count: number) =>
      committed([`DELETE m FROM ${outbox} AS m ${primary} WHERE m.position IN (${list(count)})`]),
    /** what is given back as JSON */
    postpone: committed([
      `UPDATE ${ended} STRAIGHT_JOIN ${outbox} AS m ${primary} ON ${postponed(outbox, keyed)} SET ${postponement(clock, "m.")}`,
    ]),
    /** position, limit */
    listParked: `SELECT ${envelope}, LENGTH(m.body) AS body_bytes FROM ${outbox} AS m
      WHERE m.parked_at IS NOT NULL AND m.position > ? ORDER BY m.position LIMIT ?`,
    /** id, limit */
    showParked: `SELECT ${columns} FROM ${outbox} AS m
      WHERE m.parked_at IS NOT NULL AND m.id = ? ORDER BY m.position LIMIT ?`,
    /** id */
    retryParked: `UPDATE ${outbox} ${parked} SET parked_at = NULL, refusals = 0, due_at = 0 WHERE ${parkedNamed}`,
    discardParked: `DELETE m FROM ${outbox} AS m ${parked} WHERE ${parkedNamed}`,
    backlog: `SELECT ${clock} AS ms, (SELECT COUNT(*) FROM (SELECT 1 FROM ${outbox} LIMIT 10000) AS counted) AS messages,
      (SELECT COUNT(*) FROM (SELECT 1 FROM ${outbox} WHERE parked_at IS NOT NULL LIMIT 10000) AS counted) AS parked,
      (SELECT added_at FROM ${outbox} ${primary} WHERE parked_at IS NULL ORDER BY position LIMIT 1) AS oldest`,
  };
}

/**
 * Statements as one transaction, in one trip: a relay that stands still holds no lock. Under the default isolation, the locks would
 * lie between the rows too, where messages are added.
 */
function committed(statements: readonly string[]): string {
  return block([
    "DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END",
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "START TRANSACTION",
    ...statements,
    "COMMIT",
  ]);
}
