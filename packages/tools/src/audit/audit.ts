import { createReadStream } from "node:fs";
import { invalidOptionError, parseKey } from "once-again/internal";
import { partitions, type Partitions, readLines } from "../judge/index.ts";
import { addRequest, addRow, effectsOf, type KeyFacts, newKeyFacts, round } from "./key-facts.ts";
import { type DecimalMark, readAmount } from "./read-amount.ts";
import { type Row, rowReader } from "./read-table.ts";

/** The names of the fields that an audit needs, and how they are written. */
export interface AuditOptions {
  /** The field of a request that names its operation. Default: the first of `idempotency_key`, `idempotency-key`, `key` that is there. */
  readonly key?: string | undefined;
  /** The same of a ledger's row; beside these, `reference`. */
  readonly ledgerKey?: string | undefined;
  /** The field of a ledger's row that has its amount. Default: `amount`, if it is there. */
  readonly amount?: string | undefined;
  /** The rows that are refunds, `type=refund`, beside those with a negative amount. */
  readonly refund?: string | undefined;
  /** The decimal mark of amounts. With it they may have groups and a currency: `$1,299.00`. Default: plain numbers alone. */
  readonly decimal?: DecimalMark | undefined;
  /** Stands between the cells of CSV, in both files. Default: a comma. */
  readonly separator?: string | undefined;
}

/** A repeat, a doubled effect or a lost answer, by the lines of its files. */
export interface AuditCase {
  readonly key: string;
  readonly logLines: readonly number[];
  readonly ledgerLines: readonly number[];
  /** The sum of the effects beyond one. */
  readonly price: number;
}

/** The findings about the past of a service. */
export interface Audit {
  readonly requests: number;
  readonly rows: number;
  /** Requests that name no operation: nothing can be said of them. */
  readonly unnamed: number;
  /** The same of rows of the ledger. */
  readonly unnamedRows: number;
  readonly keys: number;
  readonly repeated: { readonly keys: number; readonly requests: number; readonly most: AuditCase | undefined };
  /** Operations with more than one effect in the ledger. */
  readonly doubled: {
    readonly keys: number;
    readonly rows: number;
    readonly price: number;
    /** How much of the price was given back. */
    readonly refunded: number;
    readonly worst: AuditCase | undefined;
  };
  /** Rows that are refunds. */
  readonly refunds: {
    readonly rows: number;
    readonly price: number;
    /** Operations of which more was given back than charged. */
    readonly beyond: { readonly keys: number; readonly price: number; readonly worst: AuditCase | undefined };
  };
  /** Operations that are in the ledger, and of which no request was answered with a success. */
  readonly lost: {
    readonly keys: number;
    readonly price: number;
    /** How many of them had which status last; 0: none. */
    readonly statuses: Readonly<Record<number, number>>;
    readonly first: AuditCase | undefined;
    /** Others of which all was given back. */
    readonly refunded: { readonly keys: number; readonly price: number };
  };
  /** Operations that were answered with a success, and are not in the ledger. */
  readonly missing: { readonly keys: number; readonly first: AuditCase | undefined };
}

const parts = 64;
const keyNames = ["idempotency_key", "idempotency-key", "idempotencyKey", "key"];

/**
 * Looks through the access log and the ledger of a service for what has already happened: requests that were repeated,
 * effects that happened twice, and effects of which no caller got a success. Both are joined by the key of the operation.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a line that can't be read, and a field that is nowhere.
 */
export async function audit(
  log: AsyncIterable<Uint8Array>,
  ledger: AsyncIterable<Uint8Array>,
  { key, ledgerKey, amount, refund, decimal, separator }: AuditOptions = {},
): Promise<Audit> {
  using byKey = partitions(parts);
  const counts = { requests: 0, rows: 0, unnamed: 0, unnamedRows: 0 };
  const noteRequest = fieldOf("the access log", key, keyNames);
  await eachRow(log, "the access log", separator, (row, line) => {
    counts.requests += 1;
    const named = plainKey(noteRequest(row));
    const status = Number(row["status"] ?? Number.NaN);
    if (named === undefined) counts.unnamed += 1;
    else byKey.add(named, JSON.stringify([named, "request", line, Number.isNaN(status) ? 0 : status]));
  });
  const noteRow = fieldOf("the ledger", ledgerKey, [...keyNames, "reference"]);
  const priceOf = amountReader(amount, decimal);
  const isRefund = refundTest(refund);
  await eachRow(ledger, "the ledger", separator, (row, line) => {
    counts.rows += 1;
    const named = plainKey(noteRow(row));
    const price = priceOf(row, line);
    if (named === undefined) counts.unnamedRows += 1;
    else byKey.add(named, JSON.stringify([named, "row", line, price, isRefund(row) || price < 0]));
  });
  return { ...counts, ...(await findings(byKey)) };
}

/** The texts with which logs and exports write that there is no value. */
const nothings: ReadonlySet<string> = new Set(["", "-", String.raw`\N`, "NULL", "null", "undefined"]);

/** A key without its quotes, since a key and the same in quotes are one; any other name as it is; `undefined`: none. */
function plainKey(text = ""): string | undefined {
  const name = text.trim();
  if (nothings.has(name)) return undefined;
  const parsed = parseKey([name]);
  return parsed.kind === "key" ? parsed.key : name;
}

/** Reads the amount of a row. @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is no number, or of another currency. */
function amountReader(asked: string | undefined, decimal: DecimalMark | undefined): (row: Row, line: number) => number {
  let known: string | undefined;
  return (row, line) => {
    const text = row[asked ?? "amount"] ?? (asked === undefined ? "0" : undefined);
    const read = text === undefined ? undefined : readAmount(text, decimal);
    const wrong = (expected: string): Error => invalidOptionError(`the ledger, line ${line}`, expected, text);
    if (read === undefined)
      throw wrong(
        decimal === undefined
          ? `a row with a number as "${asked ?? "amount"}" (with --decimal also $1,299.00 or 1.299,00)`
          : `a row with an amount as "${asked ?? "amount"}", with "${decimal}" as its decimal mark`,
      );
    known ??= read.currency;
    if (read.currency !== undefined && read.currency !== known)
      throw wrong(`an amount in ${known}, as those before: audit each currency by itself`);
    return read.value;
  };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function refundTest(refund: string | undefined): (row: Row) => boolean {
  if (refund === undefined) return () => false;
  const at = refund.indexOf("=");
  if (at < 1) throw invalidOptionError("refund", 'a field and its value, as in "type=refund"', refund);
  const [field, value] = [refund.slice(0, at), refund.slice(at + 1)];
  let isKnown = false;
  return (row) => {
    if (!isKnown && row[field] === undefined)
      throw invalidOptionError("refund", `one of the ledger's fields (${Object.keys(row).join(", ")})`, field);
    isKnown = true;
    return row[field]?.trim() === value;
  };
}

async function findings(byKey: Partitions): Promise<Omit<Audit, "requests" | "rows" | "unnamed" | "unnamedRows">> {
  let keys = 0;
  const repeated = { keys: 0, requests: 0, most: undefined as AuditCase | undefined };
  const doubled = { keys: 0, rows: 0, price: 0, refunded: 0, worst: undefined as AuditCase | undefined };
  const beyond = { keys: 0, price: 0, worst: undefined as AuditCase | undefined };
  const refunds = { rows: 0, price: 0, beyond };
  const statuses: Record<number, number> = {};
  const refunded = { keys: 0, price: 0 };
  const lost = { keys: 0, price: 0, statuses, first: undefined as AuditCase | undefined, refunded };
  const missing = { keys: 0, first: undefined as AuditCase | undefined };
  let most = 1;
  for (let part = 0; part < parts; part += 1) {
    const known = await factsOf(byKey.fileOf(part));
    keys += known.size;
    for (const [key, facts] of known) {
      const { logLines, ledgerLines, requests } = facts;
      const effects = effectsOf(facts);
      const caseOf = (price: number): AuditCase => ({ key, logLines, ledgerLines, price });
      if (requests > 1) {
        repeated.keys += 1;
        repeated.requests += requests - 1;
        if (requests > most) [most, repeated.most] = [requests, caseOf(effects.extra)];
        else if (requests === most) repeated.most = earlier(repeated.most, caseOf(effects.extra));
      }
      if (effects.count > 1) {
        doubled.keys += 1;
        doubled.rows += effects.count - 1;
        doubled.price = round(doubled.price + effects.extra);
        doubled.refunded = round(doubled.refunded + Math.min(effects.extra, effects.refunded));
        doubled.worst = dearer(doubled.worst, caseOf(effects.extra));
      }
      refunds.rows += facts.refunds.count;
      refunds.price = round(refunds.price + facts.refunds.total);
      if (effects.refundedBeyond > 0) {
        beyond.keys += 1;
        beyond.price = round(beyond.price + effects.refundedBeyond);
        beyond.worst = dearer(beyond.worst, caseOf(effects.refundedBeyond));
      }
      if (effects.count > 0 && requests > 0 && !facts.isAnswered) {
        const sum = effects.isRefunded ? refunded : lost;
        sum.keys += 1;
        sum.price = round(sum.price + effects.price);
        if (!effects.isRefunded) {
          statuses[facts.lastStatus] = (statuses[facts.lastStatus] ?? 0) + 1;
          lost.first = earlier(lost.first, caseOf(effects.price));
        }
      }
      if (ledgerLines.length === 0 && facts.hasSuccess) {
        missing.keys += 1;
        missing.first = earlier(missing.first, caseOf(0));
      }
    }
  }
  return { keys, repeated, doubled, refunds, lost, missing };
}

const earlier = (known: AuditCase | undefined, found: AuditCase): AuditCase =>
  known !== undefined && known.logLines[0]! < found.logLines[0]! ? known : found;

const dearer = (known: AuditCase | undefined, found: AuditCase): AuditCase =>
  known === undefined || found.price > known.price ? found : known;

async function factsOf(file: string | undefined): Promise<Map<string, KeyFacts>> {
  const known = new Map<string, KeyFacts>();
  if (file === undefined) return known;
  for await (const lines of readLines(createReadStream(file, { highWaterMark: 1 << 20 }), "a part"))
    for (const { text } of lines) {
      const [key, kind, line, value, isRefund] = JSON.parse(text) as
        | [key: string, kind: "request", line: number, status: number, isRefund: undefined]
        | [key: string, kind: "row", line: number, amount: number, isRefund: boolean];
      let facts = known.get(key);
      if (facts === undefined) known.set(key, (facts = newKeyFacts()));
      if (kind === "request") addRequest(facts, line, value);
      else addRow(facts, line, value, isRefund);
    }
  return known;
}

async function eachRow(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  separator: string | undefined,
  use: (row: Row, line: number) => void,
): Promise<void> {
  const read = rowReader(name, separator);
  for await (const lines of readLines(chunks, name))
    for (const { number, text } of lines) {
      const row = read(text, number);
      if (row !== undefined) use(row, number);
    }
}

/** Finds the field that names an operation: the one that is asked for, or the first usual one that the first row has. */
function fieldOf(name: string, asked: string | undefined, usual: readonly string[]): (row: Row) => string | undefined {
  let field = asked;
  let isKnown = false;
  return (row) => {
    if (!isKnown) {
      field ??= usual.find((one) => row[one] !== undefined);
      if (field === undefined || (asked !== undefined && row[asked] === undefined)) {
        const fields = Object.keys(row).join(", ");
        throw invalidOptionError(`the key's field of ${name}`, `one of its fields (${fields})`, asked ?? "missing");
      }
      isKnown = true;
    }
    return row[field!];
  };
}
