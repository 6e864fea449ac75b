import {
  countMax,
  discardedColumns,
  discardedValues,
  placesStatement,
  postponed,
  postponement,
} from "../sql/outbox.ts";
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
    // Where a message goes, and when it was tried last: tables of an earlier version have neither.
    `ALTER TABLE ${outbox} ADD COLUMN IF NOT EXISTS place varbinary(1024), ADD COLUMN IF NOT EXISTS tried_at bigint,
  ADD KEY IF NOT EXISTS ${outbox}_waiting (tried_at, position)`,
    `CREATE TABLE IF NOT EXISTS ${outbox}_discarded (
  position     bigint          NOT NULL PRIMARY KEY,
  id           varbinary(255)  NOT NULL,
  topic        varbinary(1024) NOT NULL,
  ordering_key varbinary(1024),
  place        varbinary(1024),
  added_at     bigint          NOT NULL,
  refusals     int             NOT NULL,
  refusal      blob,
  parked_at    bigint          NOT NULL,
  discarded_at bigint          NOT NULL,
  note         blob            NOT NULL,
  expires_at   bigint          NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4`,
  ];
}

const readText = (column: string): string => `CONVERT(${column} USING utf8mb4)`;

const texts = ["id", "topic", "ordering_key", "passed_key", "headers", "refusal", "place"].map(
  (column) => `${readText(`m.${column}`)} AS ${column}`,
);

const discardedTexts = ["id", "topic", "ordering_key", "refusal", "place"]
  .map((column) => `${readText(`d.${column}`)} AS ${column}`)
  .join(", ");

/** The columns that are read of a row `m`. */
const envelope = ["m.position", ...texts, "m.added_at", "m.refusals", "m.due_at", "m.tried_at", "m.parked_at"].join(
  ", ",
);

/** The same with its body. */
const columns = `${envelope}, m.body`;

/** The conditions of unconfirmed rows `m`, each of which an index finds. */
const states = { parked: "m.parked_at IS NOT NULL", waiting: "m.tried_at IS NOT NULL AND m.parked_at IS NULL" };

const byState = (statement: (condition: string) => string) => ({
  parked: statement(states.parked),
  waiting: statement(states.waiting),
});

const list = (count: number): string => Array.from({ length: count }, () => "?").join(", ");

/** The messages that are given back, as JSON. */
const ended = `JSON_TABLE(CONVERT(? USING utf8mb4), '$[*]' COLUMNS (position bigint PATH '$.position',
  owner varchar(255) PATH '$.owner', delay_ms bigint PATH '$.delay_ms',
  place varchar(1024) PATH '$.place', line varchar(1024) PATH '$.line', refusal mediumtext PATH '$.refusal',
  refusals int PATH '$.refusals',
  park varchar(5) PATH '$.park')) AS ended`;

export type OutboxStatements = ReturnType<typeof outboxStatements>;

/** The statements of the port, with the order of their values. */
export function outboxStatements(outbox: string) {
  // By any other index, a statement that locks would meet rows that are not committed, and wait for those who add them.
  const [keyed, parked, waiting, primary] = ["_keyed", "_parked", "_waiting"]
    .map((name) => `${outbox}${name}`)
    .concat("PRIMARY")
    .map((index) => `FORCE INDEX (${index})`);
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
    /** of each line: its name, position, limit. What comes after its oldest message. */
    behind: (lines: number) =>
      Array.from(
        { length: lines },
        () => `(SELECT m.position FROM ${outbox} AS m ${keyed} WHERE m.ordering_key = ? AND m.position > ?
          ORDER BY m.position LIMIT ?)`,
      ).join(" UNION ALL "),
    /**
     * owner, lease, positions; then of each key: its name, newest, position, owner, limit; then positions without a key or in a
     * line, owner
     */
    take: ({ all, keys, own }: Record<"all" | "keys" | "own", number>) => {
      // The lease of a key lies on its oldest message. One that another has claimed since is not free any more.
      const lease = `UPDATE ${outbox} ${primary} SET owner = ?, due_at = ${clock} + ?
        WHERE position IN (${list(all)}) AND parked_at IS NULL AND due_at <= ${clock}`;
      const ofKey = `(SELECT ${columns} FROM ${outbox} AS m ${keyed} WHERE m.ordering_key = ? AND m.position <= ?
        AND (SELECT o.owner FROM ${outbox} AS o WHERE o.position = ?) = ? ORDER BY m.position LIMIT ?)`;
      const ofOwn = `(SELECT ${columns} FROM ${outbox} AS m WHERE m.position IN (${list(own)}) AND m.owner = ?
        ORDER BY m.position LIMIT ${own})`;
      const parts = [...Array.from({ length: keys }, () => ofKey), ...(own > 0 ? [ofOwn] : [])];
      return committed([lease, parts.join(" UNION ALL ")]);
    },
    /** positions */
    confirm: (count: number) =>
      committed([`DELETE m FROM ${outbox} AS m ${primary} WHERE m.position IN (${list(count)})`]),
    /** what is given back as JSON */
    postpone: committed([
      `UPDATE ${ended} STRAIGHT_JOIN ${outbox} AS m ${primary} ON ${postponed(outbox, keyed)} SET ${postponement(clock, "m.")}`,
    ]),
    ...operatorStatements(outbox),
    backlog: `SELECT ${clock} AS ms, (SELECT COUNT(*) FROM (SELECT 1 FROM ${outbox} LIMIT ${countMax}) AS counted) AS messages,
      (SELECT COUNT(*) FROM (SELECT 1 FROM ${outbox} AS m WHERE ${states.parked} LIMIT ${countMax}) AS counted) AS parked,
      waiting.unconfirmed, waiting.places,
      (SELECT added_at FROM ${outbox} ${primary} WHERE parked_at IS NULL ORDER BY position LIMIT 1) AS oldest
      FROM (SELECT COUNT(*) AS unconfirmed, COUNT(DISTINCT COALESCE(place, '')) AS places
        FROM (SELECT m.place FROM ${outbox} AS m ${waiting} WHERE ${states.waiting} LIMIT ${countMax}) AS tried) AS waiting`,
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

/** The statements by which people look at an outbox, and decide. */
function operatorStatements(outbox: string) {
  const [parked, waiting] = ["parked", "waiting"].map((index) => `FORCE INDEX (${outbox}_${index})`) as [
    string,
    string,
  ];
  const parkedNamed = "parked_at IS NOT NULL AND id = ?";
  return {
    /** position, limit */
    list: byState(
      (state) => `SELECT ${envelope}, LENGTH(m.body) AS body_bytes FROM ${outbox} AS m
      WHERE ${state} AND m.position > ? ORDER BY m.position LIMIT ?`,
    ),
    /** id, limit */
    show: byState(
      (state) => `SELECT ${columns} FROM ${outbox} AS m WHERE ${state} AND m.id = ? ORDER BY m.position LIMIT ?`,
    ),
    listPlaces: placesStatement(outbox, `${outbox} AS m ${waiting} WHERE ${states.waiting}`, {
      concatenate: (one, other) => `CONCAT(${one}, ${other})`,
      text: readText,
      canReachOut: false,
    }),
    /** id */
    retryParked: `UPDATE ${outbox} ${parked} SET tried_at = coalesce(tried_at, parked_at), parked_at = NULL,
      refusals = 0, due_at = 0 WHERE ${parkedNamed}`,
    /** note, retention, id, id. Those that are stored long enough are removed by who discards another. */
    discardParked: committed([
      `DELETE FROM ${outbox}_discarded WHERE expires_at <= ${clock}`,
      `INSERT INTO ${outbox}_discarded (${discardedColumns}, discarded_at, note, expires_at)
        SELECT ${discardedValues}, ${clock}, ?, ${clock} + ? FROM ${outbox} AS m ${parked} WHERE ${parkedNamed}`,
      `DELETE m FROM ${outbox} AS m ${parked} WHERE ${parkedNamed}`,
      "SELECT ROW_COUNT() AS gone",
    ]),
    /** id or null, id, limit */
    listDiscarded: `SELECT d.position, ${discardedTexts}, d.added_at, d.refusals, d.parked_at, d.discarded_at, d.note
      FROM ${outbox}_discarded AS d WHERE d.expires_at > ${clock} AND (? IS NULL OR d.id = ?)
      ORDER BY d.discarded_at DESC, d.position DESC LIMIT ?`,
  };
}
