import { validateHeaderName, validateHeaderValue } from "node:http";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes } from "../../../../test/support/http-bench.ts";
import { leasedRoute, never } from "../../../../test/support/leased-route.ts";
import { ordering, transactionalRoute } from "../../../../test/support/transactional-route.ts";
import { appDatabase } from "../../../../test/support/app-database.ts";
import { systemClock } from "../core/system-clock.ts";
import type { HttpResponse } from "./response.ts";
import { sendProblem } from "./sendable.ts";

const answer = (given: Partial<HttpResponse>): HttpResponse => ({
  status: 201,
  headers: [],
  body: bytes("made"),
  ...given,
});

const unsendable: [string, HttpResponse][] = [
  ...[0, 100, 199, 600, 200.5, Number.NaN].map((status): [string, HttpResponse] => [
    `status ${status}`,
    answer({ status }),
  ]),
  ["a status that is a text", answer({ status: "201" as unknown as number })],
  ["a line break in a value", answer({ headers: [["x-customer", "a\r\nset-cookie: b"]] })],
  ["a NUL in a value", answer({ headers: [["x-customer", "a\u0000"]] })],
  ["a value beyond Latin-1", answer({ headers: [["x-customer", "Łukasz"]] })],
  ["a number for a value", answer({ headers: [["x-customer", 7 as unknown as string]] })],
  ["a space in a name", answer({ headers: [["x customer", "a"]] })],
  ["an empty name", answer({ headers: [["", "a"]] })],
  ["a pseudo header", answer({ headers: [[":status", "200"]] })],
  ["a body that is an object", answer({ body: { made: true } as unknown as Uint8Array })],
];

test("the first and the last status, and all of Latin-1, can be sent", () => {
  for (const status of [200, 599]) expect(sendProblem(answer({ status }))).toBeUndefined();
  expect(sendProblem(answer({ headers: [["X-Customer!#$%&'*+-.^_`|~09", "\tJosé ÿ~"]] }))).toBeUndefined();
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
      const fits = sendProblem(answer({ headers: [[header, value]] })) === undefined;
      expect(fits).toBe(accepted());
      if (fits) expect(new Headers([[header, value]]).has(header)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

describe.each(unsendable)("an answer with %s", (_, given) => {
  test("is the handler's failure: it is never stored, and the service is told", async () => {
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
    expect(await post(ordering(answer({})))).toMatchObject({ status: 201, replayed: false });
  });

  test("that a look-up found is not kept: the outcome stays unknown, and the next look may do better", async () => {
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
  await post({}, async () => answer({ headers: [["x-token", "geheim\n"]] }));
  expect(String(errors[0])).toContain("x-token");
  expect(String(errors[0])).not.toContain("geheim");
});

test("no answer promises trailers, neither the first nor a repeat: it goes out whole, with its length", async () => {
  const { post } = leasedRoute();
  const given = answer({
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
