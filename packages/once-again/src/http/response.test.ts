import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cpuGrowth, linearGrowthMax } from "../../../../test/support/cpu-growth.ts";
import { decodeResponse, encodeResponse, type HttpResponse } from "./response.ts";

const answer = (headers: HttpResponse["headers"], body: Uint8Array = new Uint8Array()): HttpResponse => ({
  status: 201,
  headers,
  body,
});
const kept = (headers: HttpResponse["headers"]): HttpResponse["headers"] =>
  decodeResponse(encodeResponse(answer(headers))).headers;

test("status, headers and body come back as they were, whatever the bytes", () => {
  const header = fc.tuple(
    fc.stringMatching(/^x-[a-z]{1,8}$/),
    fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) }),
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
  expect(kept(headers)).toEqual(headers);
});

test("what belongs to one connection, one moment or one session is not kept", () => {
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
  expect(kept(names.map((name) => [name, "x"] as const))).toEqual([]);
});

test("what the connection header names is not kept either", () => {
  const headers = [
    ["connection", "close , X-Hop"],
    ["Connection", "x-other"],
    ["x-hop", "1"],
    ["X-Other", "2"],
    ["x-kept", "3"],
  ] as const;
  expect(kept(headers)).toEqual([["x-kept", "3"]]);
});

test.for<[shape: string, value: (size: number) => string]>([
  ["many spaces", (size) => `a${" ".repeat(size)}b`],
  ["many options", (size) => "a,".repeat(size)],
])("a connection header with %s is read in linear time", ([, value]) => {
  const work = (size: number): void => void encodeResponse(answer([["connection", value(size)]]));
  expect(cpuGrowth(8192, work)).toBeLessThan(linearGrowthMax);
});
