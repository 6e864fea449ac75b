import { describe, expect, test } from "vitest";
import { cpuGrowth, linearGrowthMax } from "../../../../test/support/cpu-growth.ts";
import { audit, type AuditFields } from "./index.ts";
import { rowReader } from "./read-table.ts";

async function* chunksOf(text: string, size: number, encoding: "utf8" | "utf16le"): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(encoding === "utf16le" ? `\uFEFF${text}` : text, encoding);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const auditOf = (
  log: string,
  ledger: string,
  fields?: AuditFields,
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
        ...{ requests: 8, rows: 6, unnamed: 1, keys: 5 },
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

test("a field of a log that breaks off is read in linear time", () => {
  const line = (size: number): string => `10.0.0.1 - - [now] "POST / HTTP/1.1" 201 1 ${'\\"'.repeat(size / 2)}`;
  expect(cpuGrowth(8192, (size) => rowReader("log")(line(size), 1))).toBeLessThan(linearGrowthMax);
});
