import { expect, test } from "vitest";
import { parseResponse } from "./probe-response.ts";
import { NoResponse } from "./verdict.ts";

const parsed = (text: string, ended = false, method = "POST") => {
  const read = parseResponse(Buffer.from(text, "latin1"), ended, method);
  return read && [read.response.status, read.response.body.toString(), text.slice(read.length)];
};

test("an answer ends where its framing says, and what follows is the next", () => {
  expect(parsed("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nokHTTP")).toEqual([201, "ok", "HTTP"]);
  expect(parsed("HTTP/1.1 200\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n1;a=b\r\n!\r\n0\r\n\r\nHTTP")).toEqual([
    200,
    "ok!",
    "HTTP",
  ]);
  expect(parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\nHTTP")).toEqual([
    200,
    "",
    "HTTP",
  ]);
  expect(parsed("HTTP/1.0 200 OK\r\n\r\nok", true)).toEqual([200, "ok", ""]);
  expect(parsed("HTTP/1.1 204 No Content\r\n\r\nHTTP")).toEqual([204, "", "HTTP"]);
  expect(parsed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false, "HEAD")).toEqual([200, "", ""]);
});

test("interim answers are passed over", () => {
  expect(parsed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: a\r\n\r\nHTTP/1.1 204\r\n\r\n")).toEqual([
    204,
    "",
    "",
  ]);
});

test("what is not complete is waited for, at every byte", () => {
  for (const text of [
    "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
  ]) {
    for (let length = 0; length < text.length; length += 1) expect(parsed(text.slice(0, length))).toBeUndefined();
    expect(parsed(text)).toBeDefined();
  }
  expect(parsed("HTTP/1.1 200 OK\r\n\r\nok")).toBeUndefined();
});

test.for([
  "SSH-2.0-server\r\n\r\n",
  "HTTP/2 200\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
])("%j is no answer", (text) => {
  expect(() => parsed(text)).toThrow(NoResponse);
});
