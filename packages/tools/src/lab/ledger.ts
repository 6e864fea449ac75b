import type { DatabaseSync } from "node:sqlite";
import { type HistoryLine, type HistoryRule, judgeLines } from "../judge/index.ts";
import { openDatabase } from "./open-database.ts";
import { totalOf, type Order } from "./orders.ts";

/** Nothing here forbids a second charge: what keeps it away has to be the key. */
const schema = `
CREATE TABLE IF NOT EXISTS orders (
  id       INTEGER PRIMARY KEY,
  caller   TEXT NOT NULL,
  order_id TEXT NOT NULL,
  customer TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS charges (
  id       INTEGER PRIMARY KEY,
  caller   TEXT NOT NULL,
  order_id TEXT NOT NULL,
  amount   INTEGER NOT NULL,
  currency TEXT NOT NULL
) STRICT;
`;

/** A payment for an order. */
export interface Charge {
  readonly orderId: string;
  /** In minor units of the currency. */
  readonly amount: number;
  readonly currency: string;
}

/** The ledger held against one caller's orders. */
export interface Audit {
  /** Rows of the ledger. */
  readonly charges: number;
  /** Charges beyond the first of their order. */
  readonly duplicates: number;
  /** Orders that were never charged. */
  readonly lost: number;
  /** Charges of another amount or currency than their order's, or without an order. */
  readonly wrongAmounts: number;
}

/** Makes the tables of orders and charges in the database file at `path`, unless they are there. */
export function createLedger(path: string): void {
  const database = openDatabase(path);
  try {
    // Who reads it as it grows, and who writes, don't wait for each other.
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(schema);
  } finally {
    database.close();
  }
}

/** Writes an order and its charge, in the transaction that is open. */
export function writeOrder(transaction: DatabaseSync, caller: string, order: Order): void {
  transaction
    .prepare("INSERT INTO orders (caller, order_id, customer) VALUES (?, ?, ?)")
    .run(caller, order.id, order.customer);
  transaction
    .prepare("INSERT INTO charges (caller, order_id, amount, currency) VALUES (?, ?, ?, ?)")
    .run(caller, order.id, totalOf(order), order.currency);
}

/** The charges of one caller in the database file at `path`, in the order in which they were made. */
export function readCharges(path: string, caller: string): Charge[] {
  const database = openDatabase(path);
  try {
    const rows = database
      .prepare('SELECT order_id AS "orderId", amount, currency FROM charges WHERE caller = ? ORDER BY id')
      .all(caller);
    return rows as unknown as Charge[];
  } finally {
    database.close();
  }
}

/** A row of the ledger. */
export interface LedgerRow extends Charge {
  /** 1 for the first, then rising. */
  readonly id: number;
  readonly caller: string;
}

/** Reads a ledger as it grows. */
export interface LedgerTail {
  /** The rows since the last call, of all callers. */
  next(): readonly LedgerRow[];
  close(): void;
}

/** Opens the ledger in the database file at `path`, which another process writes. */
export function ledgerTail(path: string): LedgerTail {
  const database = openDatabase(path);
  const rowsAfter = database.prepare(
    'SELECT id, caller, order_id AS "orderId", amount, currency FROM charges WHERE id > ? ORDER BY id',
  );
  let last = 0;
  return {
    next() {
      const rows = rowsAfter.all(last) as unknown as LedgerRow[];
      last = rows.at(-1)?.id ?? last;
      return rows;
    },
    close: () => database.close(),
  };
}

/** Holds charges against the orders that they should be for, by the rules of `once-again judge`: one each, of the right amount. */
export async function audit(orders: readonly Order[], charges: readonly Charge[]): Promise<Audit> {
  const wanted = new Set(orders.map(({ id }) => id));
  const anomalies = await judgeLines(linesOf(orders, charges));
  const keysOf = (rule: HistoryRule, isOrdered: boolean): number =>
    anomalies.filter((anomaly) => anomaly.rule === rule && wanted.has(anomaly.key) === isOrdered).length;
  return {
    charges: charges.length,
    // The judge counts orders that were charged too often, and not the charges.
    duplicates: charges.length - new Set(charges.map(({ orderId }) => orderId)).size,
    lost: keysOf("no-lost-effect", true),
    wrongAmounts: keysOf("own-answer", true) + keysOf("no-lost-effect", false),
  };
}

/** Each order promises one charge, of its amount. */
function* linesOf(orders: readonly Order[], charges: readonly Charge[]): Generator<HistoryLine> {
  for (const order of orders) {
    const operation = { key: order.id, request: `${totalOf(order)} ${order.currency}` };
    yield { ...operation, type: "invoke" };
    yield { ...operation, type: "ok", effects: ["charge"] };
  }
  for (const { orderId, amount, currency } of charges)
    yield { type: "effect", key: orderId, request: `${amount} ${currency}`, effect: "charge" };
}
