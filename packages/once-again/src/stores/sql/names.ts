import { OnceAgainError } from "../../core/errors.ts";
import { invalidOptionError } from "../../core/options.ts";
import type { RecordName } from "../store.ts";

/** How long a scope or a key may be in an index of every database, bytes of UTF-8. */
const nameBytesMax = 1024;

/**
 * A name as it is written into a column: itself, but for quotes, backslashes, control characters and lone surrogates,
 * which are escaped as in JSON. PostgreSQL's text can't hold U+0000, and UTF-8 has no lone surrogates.
 */
export function storedText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The pattern of LIKE for all stored names that begin so; its escape is `|`. */
export function likePrefix(prefix: string): string {
  return `${storedText(prefix).replaceAll(/[|%_]/g, "|$&")}%`;
}

/** The name that a column holds. */
export function originalText(stored: string): string {
  return JSON.parse(`"${stored}"`) as string;
}

/**
 * A record's name as it is written into its two columns.
 *
 * @throws OnceAgainError `ONCE_KEY_INVALID` when the scope or the key is longer than an index can hold.
 */
export function storedName({ scope, key }: RecordName): RecordName {
  return { scope: storedPart("scope", scope), key: storedPart("key", key) };
}

function storedPart(part: "scope" | "key", text: string): string {
  const stored = storedText(text);
  // A character takes three bytes at most: nearly no name has to be encoded for this.
  if (stored.length > nameBytesMax / 3 && new TextEncoder().encode(stored).length > nameBytesMax) {
    throw new OnceAgainError(
      "ONCE_KEY_INVALID",
      `The ${part} is longer than ${nameBytesMax} bytes. Use a shorter one.`,
    );
  }
  return stored;
}

/**
 * The name of a table: the user's prefix is the only text of theirs that becomes part of a statement.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` unless the prefix is an identifier that needs no quotes.
 */
export function tableName(prefix: string, table: string): string {
  if (typeof prefix === "string" && /^[a-z_][a-z0-9_]{0,39}$/.test(prefix)) return prefix + table;
  throw invalidOptionError("tablePrefix", "1 to 40 of a-z, 0-9 and _, without a digit in front", prefix);
}

/**
 * The problem of tables of an earlier version than the code's; `undefined`: there are none. Tables of a later version are fine:
 * a migration only adds to them, so that processes of both versions serve while servers are replaced one by one.
 */
export function schemaProblem(version: number | undefined, expected: number): string {
  const found = version === undefined ? "not there" : `of version ${version}, not ${expected}`;
  return `The tables are ${found}: run migrate().`;
}

/**
 * Rows with the names that our columns have. Options of drivers and libraries rename columns in what they return: the
 * `transform` of `postgres` (camel, pascal, kebab), the CamelCasePlugin of Kysely, `postProcessResponse` of Knex. All our names
 * are small letters with `_` between their words, so the words of another spelling say which one is meant.
 */
export function withOurNames(rows: readonly unknown[]): readonly unknown[] {
  const [first] = rows;
  if (typeof first !== "object" || first === null || Array.isArray(first)) return rows;
  const names = Object.keys(first);
  if (!names.some(isRenamed)) return rows;
  const originals = names.map((name) => [name, originalName(name)] as const);
  return rows.map((row) =>
    Object.fromEntries(originals.map(([name, original]) => [original, (row as Record<string, unknown>)[name]])),
  );
}

/** The name of a column of ours that is spelt in another way. */
export function originalName(name: string): string {
  const words = /[a-z]/.test(name) ? name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, "_") : name;
  return words.replaceAll("-", "_").toLowerCase();
}

function isRenamed(name: string): boolean {
  return /[A-Z-]/.test(name);
}

/** The error for a database that does not have the tables of a store, or has them as they were in an older version. */
export function notMigratedError(database: string, cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    `The ${database} store: its tables are not there, or not of this version. Run \`await store.migrate()\` once before ` +
      "you serve, or `once-again migrate --store URL`; for an outbox `await outbox.migrate()`, or the command with `--outbox`.",
    { cause },
  );
}
