import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { audit, createLedger, readCharges, writeOrder, type Charge } from "./ledger.ts";
import type { Order } from "./orders.ts";

const order = (id: string, unitPrice = 100): Order => ({
  id,
  customer: "c",
  currency: "EUR",
  lines: [{ sku: "s", qty: 2, unitPrice }],
});
const charge = (orderId: string, amount = 200, currency = "EUR"): Charge => ({ orderId, amount, currency });

test("one charge each is right", async () => {
  expect(await audit([order("a"), order("b")], [charge("b"), charge("a")])).toEqual({
    charges: 2,
    duplicates: 0,
    lost: 0,
    wrongAmounts: 0,
  });
});

test("each charge beyond the first is a duplicate, an order without any is lost", async () => {
  const charges = [charge("a"), charge("a"), charge("b"), charge("a")];
  expect(await audit([order("a"), order("b"), order("c")], charges)).toEqual({
    charges: 4,
    duplicates: 2,
    lost: 1,
    wrongAmounts: 0,
  });
});

test("another amount, another currency and a charge without an order are wrong", async () => {
  const charges = [charge("a", 201), charge("b", 200, "USD"), charge("z")];
  expect(await audit([order("a"), order("b")], charges)).toMatchObject({ lost: 0, wrongAmounts: 3 });
});

test("what was written is read, each caller's own", () => {
  const folder = mkdtempSync(join(tmpdir(), "once-again-ledger-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "ledger.sqlite");
  createLedger(path);
  createLedger(path);
  const database = new DatabaseSync(path);
  writeOrder(database, "safe", order("a"));
  writeOrder(database, "careless", order("a", 150));
  writeOrder(database, "careless", order("a", 150));
  database.close();
  expect(readCharges(path, "safe")).toEqual([charge("a")]);
  expect(readCharges(path, "careless")).toEqual([charge("a", 300), charge("a", 300)]);
});
