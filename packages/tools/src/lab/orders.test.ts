import * as fc from "fast-check";
import { expect, test } from "vitest";
import { lineBytesMax } from "./order-lines.ts";
import { parseOrder, readOrders, totalOf, type Order } from "./orders.ts";

const good = (id: string, more: object = {}): string =>
  JSON.stringify({
    id,
    customer: "cus_1",
    currency: "EUR",
    lines: [{ sku: "cup", qty: 2, unitPrice: 1299 }],
    ...more,
  });

const read = (text: string): ReturnType<typeof readOrders> => readOrders([Buffer.from(text)]);

test("a bad line is reported with its number, and the rest goes on", async () => {
  const { orders, problems } = await read(
    [
      good("a"),
      "{",
      "",
      "  ",
      good("a"),
      "[]",
      good("b", { currency: "eur" }),
      good("c", { lines: [] }),
      `${good("d")}\r`,
    ].join("\n"),
  );
  expect(orders.map(({ id }) => id)).toEqual(["a", "d"]);
  expect(problems).toEqual([
    { line: 2, problem: "not JSON" },
    { line: 5, problem: 'id "a" is that of line 1' },
    { line: 6, problem: "not an object" },
    { line: 7, problem: "currency must be three capital letters" },
    { line: 8, problem: "lines must be an array of at least one" },
  ]);
});

test.for<[name: string, order: string]>([
  ["no id", good("")],
  ["an id that is no Unicode text", good("\ud800")],
  ["no customer", good("a", { customer: undefined })],
  ["a line that is invalid", good("a", { lines: [null] })],
  ["no sku", good("a", { lines: [{ qty: 1, unitPrice: 1 }] })],
  ["nothing bought", good("a", { lines: [{ sku: "s", qty: 0, unitPrice: 1 }] })],
  ["half of one", good("a", { lines: [{ sku: "s", qty: 0.5, unitPrice: 1 }] })],
  ["a negative price", good("a", { lines: [{ sku: "s", qty: 1, unitPrice: -1 }] })],
  ["a fraction of a cent", good("a", { lines: [{ sku: "s", qty: 1, unitPrice: 9.99 }] })],
  ["a price as text", good("a", { lines: [{ sku: "s", qty: 1, unitPrice: "1" }] })],
  ["a total past 2^53", good("a", { lines: [{ sku: "s", qty: 2 ** 27, unitPrice: 2 ** 27 }] })],
])("%s is no order", ([, order]) => {
  expect(parseOrder(order)).toEqual({ problem: expect.any(String) as string });
});

test("extra fields of an order are dropped, and a free gift is an order", () => {
  const text = good("a", { note: "thanks", lines: [{ sku: "s", qty: 1, unitPrice: 0, colour: "red" }] });
  expect(parseOrder(text)).toEqual({
    order: { id: "a", customer: "cus_1", currency: "EUR", lines: [{ sku: "s", qty: 1, unitPrice: 0 }] },
  });
});

test("bytes that are no UTF-8, an endless line and a byte order mark are met", async () => {
  const { orders, problems } = await readOrders([
    Buffer.from(`\ufeff${good("marked")}\n`),
    Buffer.of(0x22, 0xff, 0x22, 0x0a),
    Buffer.alloc(lineBytesMax, 0x20),
    Buffer.from(`  ${good("too far to the right")}\n${good("last, without a line feed")}`),
  ]);
  expect(orders.map(({ id }) => id)).toEqual(["marked", "last, without a line feed"]);
  expect(problems).toEqual([
    { line: 2, problem: "not UTF-8" },
    { line: 3, problem: `longer than ${lineBytesMax} bytes` },
  ]);
});

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const anOrder: fc.Arbitrary<Order> = fc.record({
  id: name,
  customer: name,
  currency: fc.stringMatching(/^[A-Z]{3}$/),
  lines: fc.array(
    fc.record({ sku: name, qty: fc.integer({ min: 1, max: 1e5 }), unitPrice: fc.integer({ min: 0, max: 1e9 }) }),
    { minLength: 1, maxLength: 4 },
  ),
});

test("orders come back as they were written, however the bytes are split", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(anOrder, { selector: ({ id }) => id, maxLength: 8 }),
      fc.integer({ min: 1, max: 50 }),
      async (orders, size) => {
        const bytes = Buffer.from(orders.map((order) => JSON.stringify(order)).join("\n"));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size),
        );
        expect(await readOrders(chunks)).toEqual({ orders, problems: [] });
      },
    ),
  );
});

test("a total is the sum of quantities times prices", () => {
  const lines = [
    { sku: "a", qty: 3, unitPrice: 100 },
    { sku: "b", qty: 1, unitPrice: 5 },
  ];
  expect(totalOf({ id: "a", customer: "c", currency: "JPY", lines })).toBe(305);
});
