import { type SqlDialect, type SqlStatement, sqlStatements } from "./statements.ts";

/** What a statement does to the transaction that it runs in. */
export type TransactionControl =
  /** `modes`: what it asks for, in capitals, such as `ISOLATION LEVEL SERIALIZABLE`; empty for a plain BEGIN. */
  | { readonly kind: "begin"; readonly modes: string }
  | { readonly kind: "commit" | "rollback" }
  /** `name`: without quotes, as the database knows it. */
  | { readonly kind: "savepoint" | "release" | "rollback-to"; readonly name: string }
  /** It commits by itself, whatever else it does. `words`: what it begins with. */
  | { readonly kind: "implicit-commit"; readonly words: string }
  /** It ends the transaction in a way that no savepoint can stand for: prepared, chained, distributed. */
  | { readonly kind: "other-end"; readonly words: string };

/** A statement of a text that does something to the transaction, and where in the text it stands. */
export interface ControlStatement {
  readonly control: TransactionControl;
  readonly start: number;
  readonly end: number;
}

/** Texts that begin with one of these, and are one statement, need no closer look. */
const plainStart = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|VALUES|REPLACE)\b/i;

/**
 * What a text would do to the transaction that it is sent in: each statement that begins or ends one, makes or ends a
 * savepoint, or commits by itself; none for most texts. It is the text that is judged: what a function or a procedure
 * does inside can't be seen.
 */
export function transactionControls(text: string, dialect: SqlDialect): readonly ControlStatement[] {
  if (!text.includes(";") && plainStart.test(text)) return [];
  return sqlStatements(text, dialect).flatMap((statement) => {
    const control = controlOf(statement, dialect);
    return control === undefined ? [] : [{ control, start: statement.start, end: statement.end }];
  });
}

function controlOf({ words }: SqlStatement, dialect: SqlDialect): TransactionControl | undefined {
  const [first, second] = words;
  const others = words.slice(1).filter((word) => word !== "TRANSACTION" && word !== "WORK");
  switch (first) {
    case "BEGIN":
      return { kind: "begin", modes: others.join(" ") };
    case "START":
      return second === "TRANSACTION" ? { kind: "begin", modes: others.join(" ") } : undefined;
    case "COMMIT":
    case "END":
      return ended("commit", words, others);
    case "ABORT":
    case "ROLLBACK":
      return others[0] === "TO"
        ? { kind: "rollback-to", name: savepointName(others.slice(1)) }
        : ended("rollback", words, others);
    case "SAVEPOINT":
      return { kind: "savepoint", name: savepointName(words) };
    case "RELEASE":
      return { kind: "release", name: savepointName(words.slice(1)) };
    case "PREPARE":
      return second === "TRANSACTION" ? { kind: "other-end", words: "PREPARE TRANSACTION" } : undefined;
    case "XA":
      return dialect === "mariadb" ? { kind: "other-end", words: "XA" } : undefined;
    default:
      return dialect === "mariadb" ? implicitCommit(words) : undefined;
  }
}

function ended(kind: "commit" | "rollback", words: readonly string[], others: readonly string[]): TransactionControl {
  const options = others.join(" ");
  // Both are what happens without them.
  const isPlain = ["", "AND NO CHAIN", "NO RELEASE", "AND NO CHAIN NO RELEASE"].includes(options);
  return isPlain ? { kind } : { kind: "other-end", words: `${words[0]} ${options}` };
}

/** The name after SAVEPOINT, which may be left out. */
function savepointName(words: readonly string[]): string {
  const name = (words[0] === "SAVEPOINT" ? words[1] : words[0]) ?? "";
  return /^["`[]/.test(name) ? name.slice(1, -1) : name.toLowerCase();
}

/** MariaDB's statements that commit what is open, by their first words. */
const implicitCommits: Readonly<Record<string, readonly string[] | "any">> = {
  ALTER: "any",
  ANALYZE: ["TABLE", "NO_WRITE_TO_BINLOG", "LOCAL"],
  CACHE: "any",
  CHANGE: "any",
  CHECK: "any",
  CREATE: "any",
  DROP: "any",
  FLUSH: "any",
  GRANT: "any",
  INSTALL: "any",
  LOAD: ["INDEX"],
  LOCK: "any",
  OPTIMIZE: "any",
  RENAME: "any",
  REPAIR: "any",
  RESET: "any",
  REVOKE: "any",
  SET: ["PASSWORD"],
  SHUTDOWN: "any",
  START: ["SLAVE", "REPLICA", "ALL"],
  STOP: "any",
  TRUNCATE: "any",
  UNINSTALL: "any",
  UNLOCK: "any",
};

function implicitCommit(words: readonly string[]): TransactionControl | undefined {
  const [first = "", second = ""] = words;
  const isSwitch = first === "SET" && words.some((word) => word.replaceAll("`", "").toUpperCase() === "AUTOCOMMIT");
  const seconds = implicitCommits[first];
  const isTemporary = (first === "CREATE" || first === "DROP") && words.slice(1, 4).includes("TEMPORARY");
  const commits = isSwitch || (!isTemporary && (seconds === "any" || seconds?.includes(second) === true));
  return commits ? { kind: "implicit-commit", words: `${first} ${second}`.trimEnd() } : undefined;
}
