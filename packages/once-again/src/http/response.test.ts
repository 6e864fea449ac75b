import * as fc from "fast-check";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { describe, expect, test } from "vitest";
import { appDatabase } from "../../../../test/support/app-database.ts";
import { cpuGrowth, linearGrowthMax } from "../../../../test/support/cpu-growth.ts";
import { bytes } from "../../../../test/support/http-bench.ts";
import { leasedRoute, never } from "../../../../test/support/leased-route.ts";
import { ordering, transactionalRoute } from "../../../../test/support/transactional-route.ts";
import { systemClock } from "../core/system-clock.ts";
import { decodeResponse, encodeResponse, encodeText, type HttpResponse, sendProblem } from "./response.ts";

const answer = (headers: HttpResponse["headers"], body: Uint8Array = new Uint8Array()): HttpResponse => ({
  status: 201,
  headers,
  body,
});
const stored = (headers: HttpResponse["headers"]): HttpResponse["headers"] =>
  decodeResponse(encodeResponse(answer(headers))).headers;

/** All but DEL, which no header can have. */
const isSendable = (value: string): boolean => !value.includes("\x7f");

test("status, headers and body come back as they were, whatever the bytes", () => {
  const header = fc.tuple(
    fc.stringMatching(/^x-[a-z]{1,8}$/),
    fc
      .string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) })
      .filter(isSendable),
  );
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), fc.array(header), fc.uint8Array(), (status, headers, body) => {
      const decoded = decodeResponse(encodeResponse({ status, headers, body }));
      expect({ ...decoded, body: [...decoded.body] }).toEqual({ status, headers, body: [...body] });
    }),
  );
});

test("repeated headers keep their order, and all headers their spelling", () => {
  const headers = [
    ["Link", "</a>; rel=prev"],
    ["ETag", '"v1"'],
    ["Link", "</b>; rel=next"],
    ["Location", "/orders/7"],
  ] as const;
  expect(stored(headers)).toEqual(headers);
});

test("headers that belong to one connection, one moment or one session are not stored", () => {
  const names = [
    "Connection",
    "Keep-Alive",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Content-Length",
    "Date",
    "Set-Cookie",
  ];
  expect(stored(names.map((name) => [name, "x"] as const))).toEqual([]);
});

test("headers that the connection header names are not stored either", () => {
  const headers = [
    ["connection", "close , X-Hop"],
    ["Connection", "x-other"],
    ["x-hop", "1"],
    ["X-Other", "2"],
    ["x-stored", "3"],
  ] as const;
  expect(stored(headers)).toEqual([["x-stored", "3"]]);
});

test.for<[shape: string, value: (size: number) => string]>([
  ["many spaces", (size) => `a${" ".repeat(size)}b`],
  ["many options", (size) => "a,".repeat(size)],
])("a connection header with %s is read in linear time", ([, value]) => {
  const work = (size: number): void => void encodeResponse(answer([["connection", value(size)]]));
  expect(cpuGrowth(8192, work)).toBeLessThan(linearGrowthMax);
});

const withParts = (given: Partial<HttpResponse>): HttpResponse => ({
  status: 201,
  headers: [],
  body: bytes("made"),
  ...given,
});

const unsendable: [string, HttpResponse][] = [
  ...[0, 100, 199, 600, 200.5, Number.NaN].map((status): [string, HttpResponse] => [
    `status ${status}`,
    withParts({ status }),
  ]),
  ["a status that is a text", withParts({ status: "201" as unknown as number })],
  ["a line break in a value", withParts({ headers: [["x-customer", "a\r\nset-cookie: b"]] })],
  ["a NUL in a value", withParts({ headers: [["x-customer", "a\u0000"]] })],
  ["a value beyond Latin-1", withParts({ headers: [["x-customer", "Łukasz"]] })],
  ["a number for a value", withParts({ headers: [["x-customer", 7 as unknown as string]] })],
  ["a space in a name", withParts({ headers: [["x customer", "a"]] })],
  ["an empty name", withParts({ headers: [["", "a"]] })],
  ["a pseudo header", withParts({ headers: [[":status", "200"]] })],
  ["a body that is an object", withParts({ body: { made: true } as unknown as Uint8Array })],
];

test("the first and the last status, and all of Latin-1, can be sent", () => {
  for (const status of [200, 599]) expect(sendProblem(withParts({ status }))).toBeUndefined();
  expect(sendProblem(withParts({ headers: [["X-Customer!#$%&'*+-.^_`|~09", "\tJosé ÿ~"]] }))).toBeUndefined();
});

test("it agrees with Node, and what passes can be put on a web Response", () => {
  const character = fc.integer({ min: 0, max: 0x17f }).map((code) => String.fromCharCode(code));
  const name = fc.string({
    unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)),
    maxLength: 3,
  });
  fc.assert(
    fc.property(name, fc.string({ unit: character, maxLength: 5 }), (header, value) => {
      const accepted = (): boolean => {
        try {
          validateHeaderName(header);
          validateHeaderValue(header, value);
          return true;
        } catch {
          return false;
        }
      };
      const fits = sendProblem(withParts({ headers: [[header, value]] })) === undefined;
      expect(fits).toBe(accepted());
      if (fits) expect(new Headers([[header, value]]).has(header)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

describe.each(unsendable)("an answer with %s", (_, given) => {
  test("is the handler's failure: it is never stored, and it is reported", async () => {
    const { post, store, errors } = leasedRoute();
    expect(await post({}, async () => given)).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED" });
    expect(errors).toEqual([expect.any(RangeError)]);
    const [record] = await store.list({});
    expect(new TextDecoder().decode(record?.record.result)).toMatch(/^\{"status":500,/);
    expect(await post({}, never)).toMatchObject({ status: 500, replayed: true });
  });

  test("is rolled back in a transaction, with its key", async () => {
    const { post, orders } = transactionalRoute();
    expect(await post(ordering(given))).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED" });
    expect(orders()).toEqual([]);
    expect(await post(ordering(withParts({})))).toMatchObject({ status: 201, replayed: false });
  });

  test("that a look-up found is not stored: the outcome stays unknown, and the next look may do better", async () => {
    const { headers, status, body } = given;
    const found = { status, headers: Object.fromEntries(headers), body };
    let looks = 0;
    const { post, errors } = leasedRoute({
      store: appDatabase().store,
      clock: systemClock,
      onUnknown: async () => ({ found: ++looks === 1 ? found : { status: 201, body: "found" } }),
    });
    await post({}, () => Promise.reject(new Error("the connection to the bank broke")));
    expect(await post({}, never)).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED" });
    expect(errors.at(-1)).toBeInstanceOf(RangeError);
    expect(await post({}, never)).toMatchObject({ status: 201, text: "found", replayed: false });
    expect(await post({}, never)).toMatchObject({ status: 201, text: "found", replayed: true });
  });
});

test("a value that can't be sent is not shown to anybody: it may be a secret", async () => {
  const { post, errors } = leasedRoute();
  await post({}, async () => withParts({ headers: [["x-token", "geheim\n"]] }));
  expect(String(errors[0])).toContain("x-token");
  expect(String(errors[0])).not.toContain("geheim");
});

test("no answer promises trailers, neither the first nor a repeat: it goes out whole, with its length", async () => {
  const { post } = leasedRoute();
  const given = withParts({
    headers: [
      ["Trailer", "x-checksum"],
      ["x-trailer", "stays"],
    ],
  });
  const first = await post({}, async () => given);
  const repeat = await post({}, never);
  for (const { headers } of [first, repeat]) {
    expect(headers).toMatchObject({ "x-trailer": ["stays"] });
    expect(headers).not.toHaveProperty("trailer");
  }
});

test.for(["", "tea", "t\u00e9", "\u{1f375}", "\u00e9".repeat(3000), "lone \ud800", "a\u0000"])(
  "a text has its bytes in UTF-8: %j",
  (text) => {
    expect(encodeText(text)).toStrictEqual(new TextEncoder().encode(text));
  },
);
