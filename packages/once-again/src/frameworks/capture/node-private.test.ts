import { once } from "node:events";
import { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { startHttpServer } from "../../../../../test/support/http-server.ts";
import { DetachedSocket } from "./detached-socket.ts";
import { fieldsOf, highWaterMark, type ServerConnection, unwrittenFields } from "./node-private.ts";

// The capture of responses uses fields that Node does not promise. A test that fails here names the part of
// frameworks/capture/ that a version of Node broke.

const node = (what: string): string => `Node ${process.version} changed ${what}`;

/** Runs a handler in a server of Node's, and returns what it returns. */
async function inServer<Seen>(handle: (response: ServerResponse) => Seen, method = "POST"): Promise<Seen> {
  const seen = Promise.withResolvers<Seen>();
  const url = await startHttpServer((_request, response) => {
    try {
      seen.resolve(handle(response));
    } catch (error) {
      seen.reject(error);
    }
    response.end();
  });
  await (await fetch(url, { method })).text();
  return seen.promise;
}

test("a response has the fields that describe its head and body (recorded-response.ts)", async () => {
  await inServer((response) => {
    const fields = fieldsOf(response);
    expect(fields._header, node("ServerResponse._header before the head")).toBeNull();
    expect(fields._hasBody, node("ServerResponse._hasBody")).toBe(true);
    expect(fields._trailer, node("ServerResponse._trailer")).toBe("");
    response.writeHead(201, "Made", { "content-length": "5", "x-a": "1" });
    expect(fields._header, node("ServerResponse._header")).toMatch(
      /^HTTP\/1\.1 201 Made\r\ncontent-length: 5\r\nx-a: 1\r\n(?:.+\r\n)*\r\n$/,
    );
    expect(fields._contentLength, node("ServerResponse._contentLength")).toBe(5);
    expect(fields.chunkedEncoding, node("ServerResponse.chunkedEncoding")).toBe(false);
    response.write("whole");
  });
  await inServer((response) => {
    response.addTrailers({ "x-sum": "5" });
    response.flushHeaders();
    expect(fieldsOf(response)._trailer, node("ServerResponse._trailer")).toBe("x-sum: 5\r\n");
    expect(fieldsOf(response).chunkedEncoding, node("ServerResponse.chunkedEncoding")).toBe(true);
  });
  await inServer((response) => {
    response.writeHead(204);
    expect(fieldsOf(response)._hasBody, node("ServerResponse._hasBody of a 204")).toBe(false);
  });
});

test("Node's server and its responses agree on which response has its turn (detached-exchange.ts)", async () => {
  await inServer((response) => {
    const fields = fieldsOf(response);
    const connection = response.socket as ServerConnection;
    expect(connection._httpMessage, node("Socket._httpMessage of a server's connection")).toBe(response);
    expect(response.req.socket, node("IncomingMessage.socket")).toBe(connection);
    expect([fields._last, fields._closed, fields.destroyed], node("_last, _closed, destroyed")).toEqual([
      false,
      false,
      false,
    ]);
    expect([typeof fields._writeRaw, typeof fields._onPendingData], node("_writeRaw, _onPendingData")).toEqual([
      "function",
      "function",
    ]);
    expect(response.listenerCount("finish"), node("the server's listener of finish")).toBe(1);
  });
});

test("a corked response has its writer waits by one field (detached-exchange.ts)", async () => {
  await inServer((response) => {
    expect(Object.getOwnPropertySymbols(response), node("the symbol kHighWaterMark")).toContain(highWaterMark);
    response.write("head");
    response.cork();
    fieldsOf(response)[highWaterMark] = 2;
    expect([response.write("1"), response.write("2")], node("kHighWaterMark")).toEqual([true, false]);
    response.uncork();
  });
});

test("the state of a fresh response has no field of the server's (node-private.ts)", async () => {
  await inServer((response) => {
    const names = unwrittenFields(response.req).map(([name]) => (typeof name === "symbol" ? name.description : name));
    expect(names, node("the fields of ServerResponse")).toEqual(
      expect.arrayContaining(["_header", "finished", "destroyed", "outputData", "kOutHeaders", "_contentLength"]),
    );
    for (const name of ["_onPendingData", "_keepAliveTimeout", "kSocket", "req", "_events"]) {
      expect(names, node(`the name of ${name}`)).not.toContain(name);
    }
  });
});

test("chunks are written as a size, a line end, the data and a line end (recorded-response.ts)", async () => {
  const response = new ServerResponse(
    Object.assign(new IncomingMessage(null as never), { httpVersionMajor: 1, httpVersionMinor: 1 }),
  );
  const written: string[] = [];
  const socket = new DetachedSocket({} as ServerConnection);
  socket.open({ take: (data) => (written.push(Buffer.from(data as never).toString()), true), closed() {} }, response);
  fieldsOf(response).socket = socket;
  response.write("whole");
  response.cork();
  response.write("a");
  response.write("bc");
  response.uncork();
  response.end();
  await once(response, "finish");
  const [first, ...rest] = written.filter((piece) => piece !== "");
  const header = fieldsOf(response)._header!;
  expect(first?.startsWith(header), node("how a head is joined to what follows it")).toBe(true);
  const pieces = [first!.slice(header.length), ...rest].filter((piece) => piece !== "");
  expect(pieces.join(""), node("the chunks of a response")).toMatch(
    /^5\r\nwhole\r\n(?:1\r\na\r\n2\r\nbc\r\n|3\r\nabc\r\n)0\r\n\r\n$/,
  );
  expect(pieces, node("the pieces of a chunk")).toEqual(expect.arrayContaining(["5", "\r\n", "whole", "0\r\n\r\n"]));
});
