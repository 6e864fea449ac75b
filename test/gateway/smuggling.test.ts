import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { scriptedServer } from "../support/scripted-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
const head = (lines: string, start = "POST / HTTP/1.1\r\nHost: a"): string => `${start}\r\n${lines}\r\n\r\n`;

/** Requests that two servers could read in two ways. */
const corpus: readonly (readonly [name: string, request: string])[] = [
  ["a length and chunks", `${head("Content-Length: 4\r\nTransfer-Encoding: chunked")}0\r\n\r\n${smuggled}`],
  ["chunks and a length", `${head("Transfer-Encoding: chunked\r\nContent-Length: 4")}0\r\n\r\n${smuggled}`],
  ["two lengths", `${head("Content-Length: 0\r\nContent-Length: 36")}${smuggled}`],
  ["a list of lengths", `${head("Content-Length: 0, 36")}${smuggled}`],
  ["a length with a sign", `${head("Content-Length: +36")}${smuggled}`],
  ["a length in hexadecimal", `${head("Content-Length: 0x24")}${smuggled}`],
  ["a negative length", `${head("Content-Length: -1")}${smuggled}`],
  ["a length with a space in it", `${head("Content-Length: 3 6")}${smuggled}`],
  ["a space before a colon", `${head("Content-Length : 36")}${smuggled}`],
  ["a folded header", `${head("X-A: 1\r\n Content-Length: 36")}${smuggled}`],
  ["a folded length", `${head("Content-Length:\r\n 36")}${smuggled}`],
  [
    "a header that begins with a space",
    `${head(" Transfer-Encoding: chunked", "POST / HTTP/1.1")}0\r\n\r\n${smuggled}`,
  ],
  ["a bare line feed in a header", `${head("X-A: 1\nTransfer-Encoding: chunked")}0\r\n\r\n${smuggled}`],
  ["a bare carriage return in a header", `${head("X-A: 1\rTransfer-Encoding: chunked")}0\r\n\r\n${smuggled}`],
  ["a zero byte in a header", `${head("X-A: 1\0\r\nTransfer-Encoding: chunked")}0\r\n\r\n${smuggled}`],
  ["a coding that does not exist", `${head("Transfer-Encoding: xchunked")}0\r\n\r\n${smuggled}`],
  ["chunks that are not the last coding", `${head("Transfer-Encoding: chunked, identity")}0\r\n\r\n${smuggled}`],
  ["a coding before chunks", `${head("Transfer-Encoding: gzip, chunked")}0\r\n\r\n${smuggled}`],
  ["chunks twice", `${head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")}0\r\n\r\n${smuggled}`],
  ["a coding in quotes", `${head('Transfer-Encoding: "chunked"')}0\r\n\r\n${smuggled}`],
  ["a vertical tab before a coding", `${head("Transfer-Encoding: \u000bchunked")}0\r\n\r\n${smuggled}`],
  ["a chunk size with a sign", `${head("Transfer-Encoding: chunked")}-1\r\n\r\n${smuggled}`],
  ["a chunk size that is no number", `${head("Transfer-Encoding: chunked")}g\r\n\r\n0\r\n\r\n${smuggled}`],
  [
    "a chunk size that is too large",
    `${head("Transfer-Encoding: chunked")}fffffffffffffffff\r\na\r\n0\r\n\r\n${smuggled}`,
  ],
  ["a chunk without its line end", `${head("Transfer-Encoding: chunked")}1\r\nab\r\n0\r\n\r\n${smuggled}`],
  ["a chunk that ends with a bare line feed", `${head("Transfer-Encoding: chunked")}1\na\n0\n\n${smuggled}`],
  ["two hosts", head("Host: b\r\nContent-Length: 0")],
  ["no host", head("Content-Length: 0", "POST / HTTP/1.1")],
  ["a line without a name", head(": 1\r\nContent-Length: 0")],
  ["a name with a space", head("X A: 1\r\nContent-Length: 0")],
  ["a version that does not exist", head("Content-Length: 0", "POST / HTTP/3.7\r\nHost: a")],
  ["a method that is invalid", head("Content-Length: 0", "PO ST / HTTP/1.1\r\nHost: a")],
  ["a target that is no path", head("Content-Length: 0", "POST orders HTTP/1.1\r\nHost: a")],
];

test.each(corpus)("%s: refused, and never forwarded whole or in part", async (_, request) => {
  const { url, received } = await scriptedServer();
  for (const routes of [[], [{ ...keyedRoute, keyed: "optional" as const }]]) {
    const gateway = new URL((await gatewayTo(new URL(url).origin, { routes, limits: { idleMs: 2000 } })).url);
    const socket = connect(Number(gateway.port), gateway.hostname);
    socket.on("error", () => undefined);
    socket.end(request, "latin1");
    const heard = await text(socket).catch(() => "");
    expect(heard).toMatch(/^(?:HTTP\/1\.1 (?:4\d\d|501) |$)/);
    expect(heard.match(/HTTP\/1\.1 200/)).toBeNull();
  }
  expect(received.filter(({ path }) => path !== "/")).toEqual([]);
  expect(received.filter(({ body }) => body !== "")).toEqual([]);
});
