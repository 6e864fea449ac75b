import { createReadStream } from "node:fs";
import { invalidOptionError } from "once-again/internal";
import { partitions, type Partitions, readLines } from "../judge/index.ts";
import { type Row, rowReader } from "./read-table.ts";

/** The names of the fields that an audit needs. */
export interface AuditFields {
  /** The field of a request that names its operation. Default: the first of `idempotency_key`, `idempotency-key`, `key` that is there. */
  readonly key?: string | undefined;
  /** The same of a ledger's row; beside these, `reference`. */
  readonly ledgerKey?: string | undefined;
  /** The field of a ledger's row that has its amount. Default: `amount`, if it is there. */
  readonly amount?: string | undefined;
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
  readonly keys: number;
  readonly repeated: { readonly keys: number; readonly requests: number; readonly most: AuditCase | undefined };
  /** Operations with more than one row in the ledger. */
  readonly doubled: {
    readonly keys: number;
    readonly rows: number;
    readonly price: number;
    readonly worst: AuditCase | undefined;
  };
  /** Operations that are in the ledger, and of which no request got an answer. */
  readonly lost: { readonly keys: number; readonly price: number; readonly first: AuditCase | undefined };
  /** Operations that were answered with a success, and are not in the ledger. */
  readonly missing: { readonly keys: number; readonly first: AuditCase | undefined };
}

interface KeyFacts {
  readonly logLines: number[];
  requests: number;
  hasSuccess: boolean;
  hasAnswer: boolean;
  readonly ledgerLines: number[];
  rows: number;
  total: number;
  dearest: number;
}

const parts = 64;
/** How many lines of one operation are shown. */
const linesMax = 10;
const keyNames = ["idempotency_key", "idempotency-key", "idempotencyKey", "key"];

/** Answers that never reached their caller, or leave it in doubt: nginx's 499, time-outs and gateways. */
const lostStatuses = new Set([0, 408, 499, 502, 503, 504]);

/**
 * Looks through the access log and the ledger of a service for what has already happened: requests that were repeated,
 * effects that happened twice, and effects of which no caller had an answer. Both are joined by the key of the operation.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a line that can't be read, and a field that is nowhere.
 */
export async function audit(
  log: AsyncIterable<Uint8Array>,
  ledger: AsyncIterable<Uint8Array>,
  { key, ledgerKey, amount }: AuditFields = {},
): Promise<Audit> {
  using byKey = partitions(parts);
  const counts = { requests: 0, rows: 0, unnamed: 0 };
  const noteRequest = fieldOf("the access log", key, keyNames);
  await eachRow(log, "the access log", (row, line) => {
    counts.requests += 1;
    const named = noteRequest(row);
    const status = Number(row["status"] ?? Number.NaN);
    if (named === undefined || named === "" || named === "-") counts.unnamed += 1;
    else byKey.add(named, JSON.stringify([named, "request", line, Number.isNaN(status) ? 0 : status]));
  });
  const noteRow = fieldOf("the ledger", ledgerKey, [...keyNames, "reference"]);
  await eachRow(ledger, "the ledger", (row, line) => {
    counts.rows += 1;
    const named = noteRow(row);
    const price = Number(row[amount ?? "amount"] ?? 0);
    if (amount !== undefined && (row[amount] === undefined || Number.isNaN(price)))
      throw invalidOptionError(`the ledger, line ${line}`, `a row with a number as "${amount}"`, row[amount]);
    if (named !== undefined && named !== "")
      byKey.add(named, JSON.stringify([named, "row", line, Number.isNaN(price) ? 0 : price]));
  });
  return { ...counts, ...(await findings(byKey)) };
}

async function findings(byKey: Partitions): Promise<Omit<Audit, "requests" | "rows" | "unnamed">> {
  let keys = 0;
  const repeated = { keys: 0, requests: 0, most: undefined as AuditCase | undefined };
  const doubled = { keys: 0, rows: 0, price: 0, worst: undefined as AuditCase | undefined };
  const lost = { keys: 0, price: 0, first: undefined as AuditCase | undefined };
  const missing = { keys: 0, first: undefined as AuditCase | undefined };
  let most = 1;
  for (let part = 0; part < parts; part += 1) {
    const facts = await factsOf(byKey.fileOf(part));
    keys += facts.size;
    for (const [key, { logLines, requests, hasSuccess, hasAnswer, ledgerLines, rows, total, dearest }] of facts) {
      const extra = rows > 1 ? round(total - dearest) : 0;
      const one: AuditCase = { key, logLines, ledgerLines, price: extra };
      if (requests > 1) {
        repeated.keys += 1;
        repeated.requests += requests - 1;
        if (requests > most) [most, repeated.most] = [requests, one];
        else if (requests === most) repeated.most = earlier(repeated.most, one);
      }
      if (rows > 1) {
        doubled.keys += 1;
        doubled.rows += rows - 1;
        doubled.price = round(doubled.price + extra);
        if (doubled.worst === undefined || extra > doubled.worst.price) doubled.worst = one;
      }
      if (rows > 0 && requests > 0 && !hasAnswer) {
        lost.keys += 1;
        lost.price = round(lost.price + total);
        lost.first = earlier(lost.first, { ...one, price: round(total) });
      }
      if (rows === 0 && hasSuccess) {
        missing.keys += 1;
        missing.first = earlier(missing.first, one);
      }
    }
  }
  return { keys, repeated, doubled, lost, missing };
}

const earlier = (known: AuditCase | undefined, found: AuditCase): AuditCase =>
  known !== undefined && known.logLines[0]! < found.logLines[0]! ? known : found;

/** Amounts are sums of decimals: what is below a millionth is an error of the floating point. */
const round = (amount: number): number => Math.round(amount * 1e6) / 1e6;

async function factsOf(file: string | undefined): Promise<Map<string, KeyFacts>> {
  const facts = new Map<string, KeyFacts>();
  if (file === undefined) return facts;
  for await (const lines of readLines(createReadStream(file, { highWaterMark: 1 << 20 }), "a part"))
    for (const { text } of lines) {
      const [key, kind, line, value] = JSON.parse(text) as [string, "request" | "row", number, number];
      let known = facts.get(key);
      if (known === undefined)
        facts.set(
          key,
          (known = {
            logLines: [],
            requests: 0,
            hasSuccess: false,
            hasAnswer: false,
            ledgerLines: [],
            rows: 0,
            total: 0,
            dearest: 0,
          }),
        );
      if (kind === "request") {
        known.requests += 1;
        known.hasSuccess ||= value >= 200 && value < 300;
        known.hasAnswer ||= !lostStatuses.has(value);
        if (known.logLines.length < linesMax) known.logLines.push(line);
      } else {
        known.rows += 1;
        known.total += value;
        known.dearest = Math.max(known.dearest, value);
        if (known.ledgerLines.length < linesMax) known.ledgerLines.push(line);
      }
    }
  return facts;
}

async function eachRow(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  use: (row: Row, line: number) => void,
): Promise<void> {
  const read = rowReader(name);
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
