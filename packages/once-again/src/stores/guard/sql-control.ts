/** The effect of a statement on the transaction that it runs in. */
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
 * The effects of a text on the transaction that it is sent in: each statement that begins or ends one, makes or ends a
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

/** The database that a text is written for: what its comments, its strings and its names look like. */
export type SqlDialect = "postgres" | "mariadb" | "sqlite";

/** One statement of a text. */
export interface SqlStatement {
  /** Where it begins in the text: at its first word. */
  readonly start: number;
  /** Where it ends: before its semicolon, or with the text. */
  readonly end: number;
  /** Its first words and signs. Words are in capitals, quoted names as they are, strings are `''`. */
  readonly words: readonly string[];
}

/** How many words of a statement are stored: what a statement does to its transaction is said in the first few. */
const wordsMax = 24;

/** The statements of a text, without the empty ones. Semicolons in comments, strings, names and bodies separate none. */
export function sqlStatements(text: string, dialect: SqlDialect): SqlStatement[] {
  const statements: SqlStatement[] = [];
  let words: string[] = [];
  let start = 0;
  let end = 0;
  // The blocks of a trigger's or a function's body that are open: their semicolons end no statement.
  let blocks = 0;
  for (let at = 0; at < text.length;) {
    const [kind, next] = nextToken(text, at, dialect);
    if (kind === ";" && blocks === 0) {
      if (words.length > 0) statements.push({ start, end, words });
      words = [];
    } else if (kind !== "gap") {
      if (words.length === 0) start = at;
      const word =
        kind === "string" ? "''" : kind === "word" ? text.slice(at, next).toUpperCase() : text.slice(at, next);
      if (opensBlock(word, words, text.slice(next, next + 32), dialect, blocks)) blocks += 1;
      else if (word === "END" && blocks > 0) blocks -= 1;
      if (words.length < wordsMax) words.push(word);
      end = next;
    }
    at = next;
  }
  if (words.length > 0) statements.push({ start, end, words });
  return statements;
}

/** Whether a word begins a block that has its own END. `BEGIN` is a name elsewhere, and ends no statement there. */
function opensBlock(
  word: string,
  before: readonly string[],
  after: string,
  dialect: SqlDialect,
  blocks: number,
): boolean {
  if (blocks > 0) return word === "BEGIN" || word === "CASE";
  if (word !== "BEGIN" || before[0] !== "CREATE") return false;
  return dialect === "postgres" ? /^\s+ATOMIC\b/i.test(after) : before.slice(1, 9).includes("TRIGGER");
}

type Token = "gap" | "word" | "string" | "sign" | ";";

const wordPattern = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const gapPattern = /\s+/y;
const dollarPattern = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;

/** The token at a place, and where the next one begins. */
function nextToken(text: string, at: number, dialect: SqlDialect): readonly [Token, number] {
  const gap = matchEnd(gapPattern, text, at) ?? commentEnd(text, at, dialect);
  if (gap !== undefined) return ["gap", gap];
  const char = text[at]!;
  if (char === ";") return [";", at + 1];
  if (char === "'") return ["string", quoteEnd(text, at, dialect === "mariadb")];
  if (char === '"') return [dialect === "mariadb" ? "string" : "sign", quoteEnd(text, at, dialect === "mariadb")];
  if (char === "`" && dialect !== "postgres") return ["sign", quoteEnd(text, at, false)];
  if (char === "[" && dialect === "sqlite") return ["sign", indexAfter(text, "]", at + 1)];
  if (dialect === "postgres") {
    if ((char === "E" || char === "e") && text[at + 1] === "'") return ["string", quoteEnd(text, at + 1, true)];
    const dollar = matchEnd(dollarPattern, text, at);
    if (dollar !== undefined) return ["string", indexAfter(text, text.slice(at, dollar), dollar)];
  }
  const word = matchEnd(wordPattern, text, at);
  return word === undefined ? ["sign", at + 1] : ["word", word];
}

function commentEnd(text: string, at: number, dialect: SqlDialect): number | undefined {
  if (text.startsWith("--", at) && (dialect !== "mariadb" || /^(?:\s|$)/.test(text.slice(at + 2, at + 3)))) {
    return indexAfter(text, "\n", at);
  }
  if (dialect === "mariadb") {
    if (text[at] === "#") return indexAfter(text, "\n", at);
    // The text in such a comment is executed as if the comment's marks were blanks.
    const executable = matchEnd(/\/\*M?!\d*/y, text, at);
    if (executable !== undefined) return executable;
    if (text.startsWith("*/", at)) return at + 2;
  }
  if (!text.startsWith("/*", at)) return undefined;
  if (dialect !== "postgres") return indexAfter(text, "*/", at + 2);
  let depth = 0;
  for (const mark of text.slice(at).matchAll(/\/\*|\*\//g)) {
    depth += mark[0] === "/*" ? 1 : -1;
    if (depth === 0) return at + mark.index + 2;
  }
  return text.length;
}

/** Where a quoted text ends that begins here. A doubled quote belongs to it, and where asked what a backslash precedes. */
function quoteEnd(text: string, at: number, backslashes: boolean): number {
  const quote = text[at];
  for (let next = at + 1; next < text.length; next += 1) {
    if (backslashes && text[next] === "\\") next += 1;
    else if (text[next] === quote) {
      if (text[next + 1] !== quote) return next + 1;
      next += 1;
    }
  }
  return text.length;
}

function indexAfter(text: string, searched: string, from: number): number {
  const index = text.indexOf(searched, from);
  return index === -1 ? text.length : index + searched.length;
}

function matchEnd(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
