import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ExchangeEvent, Fault } from "@once-again/testing";
import { audit } from "../ledger.ts";
import type { Order } from "../orders.ts";
import type { OrderOutcome } from "../send-order.ts";
import { liveBook } from "./live-book.ts";
import { readNews } from "./live-run.ts";
import { takeOrders } from "./live-orders.ts";
import type { LiveTotals } from "./live-protocol.ts";
import { orderSides } from "./order-sides.ts";

const order = (id: string): Order => ({
  id,
  customer: "cus_1",
  currency: "EUR",
  lines: [{ sku: "cup", qty: 2, unitPrice: 150 }],
});
const orders = ["a", "b", "c"].map(order);

const answer = (status: number, replayed = false): ExchangeEvent => ({
  type: "answered",
  bytes: Buffer.from(`HTTP/1.1 ${status} X\r\n${replayed ? "Idempotent-Replayed: ?1\r\n" : ""}\r\n{}`),
});
const heard: ExchangeEvent = { type: "heard" };

test.for<[what: string, fault: Fault, events: ExchangeEvent[], mark: string]>([
  ["an answer", { scenario: "pass" }, [answer(201), heard], "pass"],
  ["an answer from memory", { scenario: "pass" }, [answer(201, true), heard], "replay"],
  ["an error", { scenario: "pass" }, [answer(409), heard], "refused"],
  ["a lost answer", { scenario: "lose-answer" }, [answer(201), heard], "lose-answer"],
  ["a lost request", { scenario: "lose-request" }, [{ type: "lost" }, heard], "lose-request"],
  ["a failure", { scenario: "fail" }, [{ type: "failed" }, heard], "fail"],
  ["an API that is down", { scenario: "pass" }, [{ type: "broken" }], "broken"],
  ["a caller that dies", { scenario: "pass" }, [{ type: "left" }], "left"],
  ["a caller that dies before its answer", { scenario: "pass" }, [answer(201), { type: "left" }], "pass"],
  ["a request on its way", { scenario: "pass" }, [], "sent"],
])("%s is the mark of its attempt", ([, fault, events, mark]) => {
  const book = liveBook(orders);
  const view = book.begin("safe", 0, "b", '"key"');
  expect(view).toMatchObject({ order: 2, attempt: 1, at: "held", key: '"key"' });
  book.send(view, fault);
  for (const event of events) book.hear("safe", 0, readNews(event));
  expect(book.recent()).toMatchObject([{ mark, at: events.at(-1)?.type ?? "sent" }]);
  expect(book.page("all", Infinity, 10).rows).toMatchObject([{ order: 2, safe: { marks: [mark], attempts: 1 } }]);
});

test("the lost answer's two charges make a duplicate for the one caller and a replay for the other", () => {
  const book = liveBook(orders);
  for (const [caller, second] of [
    ["careless", answer(201)],
    ["safe", answer(201, true)],
  ] as const) {
    book.send(book.begin(caller, 0, "a", undefined), { scenario: "lose-answer" });
    for (const event of [answer(201), heard]) book.hear(caller, 0, readNews(event));
    book.charge({ id: caller === "safe" ? 2 : 1, caller, orderId: "a", amount: 300, currency: "EUR" });
    book.send(book.begin(caller, 1, "a", undefined), { scenario: "pass" });
    for (const event of [second, heard]) book.hear(caller, 1, readNews(event));
  }
  book.charge({ id: 3, caller: "careless", orderId: "a", amount: 300, currency: "EUR" });
  book.settle("careless", "a", "confirmed");
  book.settle("safe", "a", "replayed");
  expect(book.totals("careless")).toMatchObject({ attempts: 2, confirmed: 1, charges: 2, duplicates: 1, replayed: 0 });
  expect(book.totals("safe")).toMatchObject({ attempts: 2, confirmed: 1, charges: 1, duplicates: 0, replayed: 1 });
  expect(book.ledger("careless")).toEqual([
    { id: 3, order: 1, amount: 300, currency: "EUR", isRepeat: true },
    { id: 1, order: 1, amount: 300, currency: "EUR", isRepeat: false },
  ]);
  expect(book.page("charged-twice", Infinity, 10)).toMatchObject({
    total: 1,
    rows: [
      {
        amount: 300,
        careless: { marks: ["lose-answer", "pass"], state: "charged-twice" },
        safe: { marks: ["lose-answer", "replay"], state: "fine" },
      },
    ],
  });
  expect(book.page("lost", Infinity, 10).rows).toEqual([]);
});

type Step = { order: number } & ({ do: "attempt" | "charge" } | { do: "settle"; outcome: OrderOutcome });

test("the totals are what an audit of the same charges finds, whatever happened in whatever order", async () => {
  const step = fc.oneof(
    fc.record({ order: fc.integer({ min: 1, max: 5 }), do: fc.constantFrom("attempt" as const, "charge" as const) }),
    fc.record({
      order: fc.integer({ min: 1, max: 5 }),
      do: fc.constant("settle" as const),
      outcome: fc.constantFrom<OrderOutcome[]>("confirmed", "replayed", "unconfirmed"),
    }),
  );
  const five = ["1", "2", "3", "4", "5"].map(order);
  await fc.assert(
    fc.asyncProperty(fc.array(step as fc.Arbitrary<Step>, { maxLength: 40 }), async (steps) => {
      const sides = orderSides(5);
      const outcomes = new Map<number, OrderOutcome>();
      for (const step of steps) {
        if (step.do === "settle") {
          sides.settle(step.order, step.outcome);
          outcomes.set(step.order, step.outcome);
        } else sides[step.do](step.order);
      }
      const charged = steps.filter((step) => step.do === "charge");
      const charges = charged.map((step) => ({ orderId: String(step.order), amount: 300, currency: "EUR" }));
      const settled = five.filter(({ id }) => outcomes.has(Number(id)));
      const ends = [...outcomes.values()];
      expect(sides.totals).toEqual({
        attempts: steps.filter((step) => step.do === "attempt").length,
        settled: outcomes.size,
        confirmed: ends.filter((outcome) => outcome !== "unconfirmed").length,
        replayed: ends.filter((outcome) => outcome === "replayed").length,
        charges: charges.length,
        duplicates: (await audit(five, charges)).duplicates,
        lost: (await audit(settled, charges)).lost,
        inDoubt: ends.filter((outcome) => outcome === "unconfirmed").length,
      } satisfies LiveTotals);
    }),
  );
});

test("of many attempts the last are stored, and a late end finds its own", () => {
  const sides = orderSides(1);
  const attempts = Array.from({ length: 30 }, () => sides.attempt(1));
  sides.mark(1, attempts[0]!, "fail");
  sides.mark(1, attempts[28]!, "broken");
  const { marks, attempts: total } = sides.of(1);
  expect({ total, stored: marks.length, last: marks.slice(-2) }).toEqual({
    total: 30,
    stored: 24,
    last: ["broken", "sent"],
  });
  expect(marks).not.toContain("fail");
});

test("a page of orders begins at the latest, and says where the next one does", () => {
  const many = takeOrders(orders, 100);
  expect(new Set(many.map(({ id }) => id)).size).toBe(100);
  const book = liveBook(many);
  for (const [index, { id }] of many.slice(0, 90).entries()) book.begin("careless", index, id, undefined);
  const first = book.page("all", Infinity, 40);
  expect(first).toMatchObject({ total: 90, next: 51 });
  expect(first.rows.map((row) => row.order)).toEqual(Array.from({ length: 40 }, (_, index) => 90 - index));
  const last = book.page("all", book.page("all", first.next!, 40).next!, 40);
  expect([last.rows.length, last.rows.at(-1)?.order, last.next]).toEqual([10, 1, undefined]);
});

test("of a storm of exchanges some are reported, all that are under way are, and few are stored", () => {
  const many = takeOrders(orders, 1_000);
  const book = liveBook(many);
  for (const [index, { id }] of many.entries()) {
    book.send(book.begin("safe", index, id, undefined), { scenario: "pass" });
    if (index % 10 > 0) for (const event of [answer(201), heard]) book.hear("safe", index, readNews(event));
  }
  const moves = book.moved();
  expect(moves.filter(({ at }) => at === "sent")).toHaveLength(100);
  expect(moves.length).toBeLessThan(200);
  expect(book.recent().length).toBeLessThanOrEqual(200);
  book.hear("safe", 0, { type: "broken" });
  expect(book.moved()).toMatchObject([{ id: "safe-0", at: "broken" }]);
  expect(book.moved()).toEqual([]);
});
