import { expect, test } from "vitest";
import { cpuGrowth, linearGrowthMax } from "../../../test/support/cpu-growth.ts";
import { forwardingRules, requestHeaders, responseHeaders } from "./forward-headers.ts";

const arrival = {
  remoteAddress: "127.0.0.1",
  host: "a",
  protocol: "http",
  httpVersion: "1.1",
  isFromProxy: false,
  callerAddress: "127.0.0.1",
} as const;
const rules = forwardingRules({ routes: [] });

test.for<[shape: string, raw: (size: number) => string[]]>([
  ["many spaces", (size) => ["Connection", `a${" ".repeat(size)}b`]],
  ["many options", (size) => ["Connection", "a,".repeat(size)]],
  [
    "many options, and many headers that they may name",
    (size) => [
      ...["Connection", Array.from({ length: size / 8 }, (_, at) => `o${at}`).join(",")],
      ...Array.from({ length: size / 8 }, (_, at) => [`h${at}`, "1"]).flat(),
    ],
  ],
  ["the header many times", (size) => Array.from({ length: size / 8 }, () => ["Connection", "a , b"]).flat()],
])("a Connection header with %s is read in linear time", ([, raw]) => {
  expect(cpuGrowth(8192, (size) => requestHeaders(raw(size), arrival, rules))).toBeLessThan(linearGrowthMax);
  expect(cpuGrowth(8192, (size) => responseHeaders(raw(size)))).toBeLessThan(linearGrowthMax);
});
