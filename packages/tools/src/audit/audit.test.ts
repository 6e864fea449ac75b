import { describe, expect, test } from "vitest";
import { cpuGrowth, linearGrowthMax } from "../../../../test/support/cpu-growth.ts";
import { audit, type AuditOptions } from "./index.ts";
import { readAmount } from "./read-amount.ts";
import { rowReader } from "./read-table.ts";

async function* chunksOf(text: string, size: number, encoding: "utf8" | "utf16le"): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(encoding === "utf16le" ? `\uFEFF${text}` : text, encoding);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const auditOf = (
  log: string,
  ledger: string,
  fields?: AuditOptions,
  size = 1000,
  encoding: "utf8" | "utf16le" = "utf8",
) => audit(chunksOf(log, size, encoding), chunksOf(ledger, size, encoding), fields);

const requests = [
  { client: "10.0.0.1", status: 201, key: "fine" },
  { client: "10.0.0.1", status: 504, key: "twice" },
  { client: "10.0.0.1", status: 201, key: "twice" },
  { client: "10.0.0.2", status: 499, key: "unheard" },
  { client: "10.0.0.3", status: 200, key: "gone" },
  { client: "10.0.0.3", status: 503, key: "again" },
  { client: "10.0.0.3", status: 201, key: "again" },
  { client: "10.0.0.4", status: 200, key: "-" },
];

const logs = {
  combined: requests
    .map(
      ({ client, status, key }) =>
        `${client} - - [28/Nov/2026:10:00:00 +0000] "POST /orders HTTP/1.1" ${status} 17 "-" "curl/8 \\"x\\"" "${key}"`,
    )
    .join("\n"),
  json: requests.map(({ key, ...request }) => JSON.stringify({ ...request, field1: key })).join("\n"),
  csv: ["client,status,field1", ...requests.map(({ client, status, key }) => `"${client}",${status},"${key}"`)].join(
    "\r\n",
  ),
};

const rows = [
  ["fine", 10],
  ["twice", 20.1],
  ["twice", 20.1],
  ["twice", 20.1],
  ["unheard", 7],
  ["again", 5],
] as const;

const ledgers = {
  csv: ["order_key,total,note", ...rows.map(([key, total]) => `${key},${total},"a ""quoted"", note"`)].join("\n"),
  json: rows.map(([order_key, total]) => JSON.stringify({ order_key, total, items: [1] })).join("\n"),
};

const fields = { key: "field1", ledgerKey: "order_key", amount: "total" };

describe("an audit", () => {
  test.for([
    ["combined", "csv"],
    ["combined", "json"],
    ["json", "csv"],
    ["csv", "json"],
  ] as const)(
    "of a log in %s and a ledger in %s finds what was doubled and lost, and its price",
    async ([log, ledger]) => {
      // The head of CSV is a line, too.
      const [first, row] = [log === "csv" ? 2 : 1, ledger === "csv" ? 2 : 1];
      const expected = {
        ...{ requests: 8, rows: 6, unnamed: 1, unnamedRows: 0, keys: 5 },
        repeated: { keys: 2, requests: 2, most: { key: "twice", logLines: [first + 1, first + 2] } },
        doubled: {
          keys: 1,
          rows: 2,
          price: 40.2,
          worst: { key: "twice", ledgerLines: [row + 1, row + 2, row + 3], price: 40.2 },
        },
        lost: { keys: 1, price: 7, first: { key: "unheard", logLines: [first + 3] } },
        missing: { keys: 1, first: { key: "gone", logLines: [first + 4] } },
      };
      for (const size of [1, 3, 1000])
        for (const encoding of ["utf8", "utf16le"] as const)
          expect(await auditOf(logs[log], ledgers[ledger], fields, size, encoding)).toMatchObject(expected);
    },
  );

  test("of a service that did everything once finds nothing", async () => {
    const found = await auditOf("key,status\na,200\nb,201", "key,amount\na,1\nb,2");
    expect([found.repeated.keys, found.doubled.keys, found.lost.keys, found.missing.keys]).toEqual([0, 0, 0, 0]);
  });

  test.for([
    ["a field that is nowhere", logs.csv, ledgers.csv, { key: "kee" }, "one of its fields (client, status, field1)"],
    ["no field of a usual name", logs.csv, ledgers.csv, {}, "the key's field of the access log"],
    [
      "an amount without a number",
      logs.csv,
      "field1,total\na,much",
      { ...fields, ledgerKey: "field1" },
      'a number as "total"',
    ],
    ["a line of another format", `${logs.combined}\nnonsense`, ledgers.csv, fields, "the access log, line 9"],
    ["broken JSON", `${logs.json}\n{`, ledgers.csv, fields, "one JSON object"],
    ["a row with a cell too many", logs.csv, `${ledgers.csv}\na,b,c,d`, fields, "3 cells"],
    ["a quote without an end", logs.csv, 'a,b\n"c,d', fields, "its quotes closed"],
    ["no table at all", "nonsense", ledgers.csv, fields, "JSON lines, the common log format, or CSV"],
  ] as const)("refuses %s, and says where it is", async ([, log, ledger, given, message]) => {
    await expect(auditOf(log, ledger, given)).rejects.toMatchObject({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining(message) as unknown,
    });
  });
});

describe("a lost answer", () => {
  test.for([0, 100, 204, 303, 400, 402, 408, 409, 422, 499, 500, 502, 503, 504, 520, 524])(
    "has no request with a success: %i",
    async (status) => {
      const { lost } = await auditOf(`key,status\na,${status}`, "key,amount\na,10");
      const isLost = status < 200 || status >= 400;
      expect([lost.keys, lost.statuses]).toEqual(isLost ? [1, { [status]: 1 }] : [0, {}]);
    },
  );

  test("is excluded by any request with a success, in whatever order", async () => {
    const { lost } = await auditOf("key,status\na,500\na,201\na,409\nb,303", "key,amount\na,10\nb,5");
    expect(lost).toMatchObject({ keys: 0, price: 0 });
  });

  test("says which statuses came last", async () => {
    const log = "key,status\na,504\na,500\nb,500\nc,\nd,402";
    const { lost } = await auditOf(log, "key,amount\na,1\nb,2\nc,3\nd,4");
    expect(lost).toMatchObject({
      keys: 4,
      price: 10,
      statuses: { 500: 2, 0: 1, 402: 1 },
      first: { key: "a", price: 1 },
    });
  });

  test("that was given back in full is counted by itself", async () => {
    const { lost } = await auditOf("key,status\na,500\nb,500", "key,amount\na,10\na,-10\nb,10\nb,-4");
    expect(lost).toMatchObject({ keys: 1, price: 10, first: { key: "b" }, refunded: { keys: 1, price: 10 } });
  });
});

describe("a refund", () => {
  const log = "key,status\na,201\nb,201";

  test("is no doubled effect, and hides none of another operation", async () => {
    const { doubled, refunds } = await auditOf(log, "key,amount\na,10\na,-10\nb,10\nb,10");
    expect(doubled).toMatchObject({ keys: 1, rows: 1, price: 10, refunded: 0, worst: { key: "b" } });
    expect(refunds).toMatchObject({ rows: 1, price: 10, beyond: { keys: 0 } });
  });

  test("of a doubled effect leaves it doubled, and says what was given back", async () => {
    const { doubled } = await auditOf(log, "key,amount\na,10\na,10\na,-10");
    expect(doubled).toMatchObject({ keys: 1, rows: 1, price: 10, refunded: 10 });
  });

  test("of more than was charged is found", async () => {
    const { refunds } = await auditOf(log, "key,amount\na,10\na,-10\na,-10\nb,10\nb,-4\nb,-6");
    expect(refunds.beyond).toMatchObject({ keys: 1, price: 10, worst: { key: "a", price: 10 } });
  });

  test("that was asked for twice is doubled, and one of an older charge is nothing", async () => {
    const { doubled } = await auditOf(log, "key,amount\na,-10\na,-10\nold,-3\nold,-7");
    expect(doubled).toMatchObject({ keys: 1, rows: 1, price: 10, worst: { key: "a" } });
  });

  test("is known by a field, whatever its sign", async () => {
    const ledger = "key,amount,type\na,10,charge\na,10,refund\nb,10,charge\nb,10,charge";
    const { doubled } = await auditOf(log, ledger, { refund: "type=refund" });
    expect(doubled).toMatchObject({ keys: 1, price: 10, worst: { key: "b" } });
    await expect(auditOf(log, ledger, { refund: "kind=refund" })).rejects.toThrow("(key, amount, type)");
    await expect(auditOf(log, ledger, { refund: "refund" })).rejects.toThrow('"type=refund"');
  });

  test("without amounts is one for each charge", async () => {
    const ledger = "key,type\na,charge\na,refund\nb,charge\nb,charge\nb,refund";
    const { doubled, lost } = await auditOf("key,status\na,500\nb,500", ledger, { refund: "type=refund" });
    expect([doubled.keys, lost.keys, lost.refunded.keys]).toEqual([1, 1, 1]);
  });
});

describe("a key", () => {
  const line = (key: string): string =>
    `10.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "POST / HTTP/1.1" 201 1 "-" "curl/8 \\x22" "${key}"`;

  test.for([
    ["as nginx writes its quotes", String.raw`\x22a\x22`],
    ["as Apache writes its quotes", String.raw`\"a\"`],
    ["with a parameter", String.raw`\x22a\x22;v=1`],
    ["bare", "a"],
  ] as const)("and the same in quotes are one: %s", async ([, key]) => {
    const { keys, missing, doubled } = await auditOf(`${line(key)}\n${line("b")}`, 'key,amount\na,1\n"""b""",1', {
      key: "field1",
    });
    expect([keys, missing.keys, doubled.keys]).toEqual([2, 0, 0]);
  });

  test("that a server wrote in bytes is the same text", async () => {
    const log = `${line(String.raw`b\xC3\xA9`)}\n${line(String.raw`c\\x22`)}`;
    const { keys } = await auditOf(
      log,
      String.raw`{"key":"bé"}
{"key":"c\\x22"}`,
      { key: "field1" },
    );
    expect(keys).toBe(2);
  });

  test("that is missing is no operation, in either file", async () => {
    const found = await auditOf("key,status\n-,201\nNULL,201\na,201", "key,amount\n,1\nNULL,1\n\\N,1\na,1");
    expect(found).toMatchObject({ unnamed: 2, unnamedRows: 3, keys: 1, doubled: { keys: 0 } });
  });
});

describe("an amount", () => {
  test.for([
    ["$1,299.00", ".", 1299, "$"],
    ["1.299,00 €", ",", 1299, "€"],
    ["12,50", ",", 12.5, undefined],
    ["(12.50)", ".", -12.5, undefined],
    ["-$5", ".", -5, "$"],
    ["$-5", ".", -5, "$"],
    ["5.00-", ".", -5, undefined],
    ["\u22125", ".", -5, undefined],
    ["USD 1,000", ".", 1000, "USD"],
    ["1'234.50 CHF", ".", 1234.5, "CHF"],
    ["1\u202f234,50", ",", 1234.5, undefined],
    ["1,000,000", ".", 1_000_000, undefined],
    ["", ".", 0, undefined],
    ["12.5", undefined, 12.5, undefined],
    ["-3", undefined, -3, undefined],
  ] as const)("is read as it is written: %s with %s", ([text, decimal, value, currency]) => {
    expect({ currency: undefined, ...readAmount(text, decimal) }).toEqual({ value, currency });
  });

  test.for([
    ["12,50", "."],
    ["1,23,456", "."],
    ["1,000'000", "."],
    ["1.299,00,5", ","],
    ["abc", "."],
    ["EUR", ","],
    ["1$0", "."],
    ["1".repeat(65), "."],
    ["12,50", undefined],
    ["$10", undefined],
  ] as const)("that may be two numbers, or none, is refused: %s with %s", ([text, decimal]) => {
    expect(readAmount(text, decimal)).toBeUndefined();
  });

  test("without an option is a plain number, and an error says how to read another", async () => {
    for (const amount of ["12,50", "$10.00"])
      await expect(auditOf("key,status\na,201", `key,amount\na,"${amount}"`)).rejects.toThrow("--decimal");
  });

  test("of another currency is not added", async () => {
    const ledger = "key,amount\na,$1.00\nb,2.00\nc,€1.00";
    await expect(auditOf("key,status\na,201", ledger, { decimal: "." })).rejects.toThrow(
      "line 4 must be an amount in $, as those before",
    );
  });
});

test("a field of a log that breaks off is read in linear time", () => {
  const line = (size: number): string => `10.0.0.1 - - [now] "POST / HTTP/1.1" 201 1 ${'\\"'.repeat(size / 2)}`;
  expect(cpuGrowth(8192, (size) => rowReader("log")(line(size), 1))).toBeLessThan(linearGrowthMax);
});
