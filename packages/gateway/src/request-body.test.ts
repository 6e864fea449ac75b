import { once } from "node:events";
import { createServer, IncomingMessage } from "node:http";
import { type AddressInfo, connect, Socket } from "node:net";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { Shares } from "./shares.ts";
import { RequestBody } from "./request-body.ts";

afterEach(() => vi.useRealTimers());

test("a caller who has the response, and leaves before all of the body is sent, takes no more memory", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const lingering = Promise.withResolvers<IncomingMessage>();
  const server = createServer((request, response) => {
    const body = new RequestBody(request, new Shares(1000, 1000));
    response.once("finish", () => {
      body.linger();
      lingering.resolve(request);
    });
    response.end("early");
  });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const caller = connect((server.address() as AddressInfo).port, "127.0.0.1");
  caller.write("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
  const { socket } = await lingering.promise;
  expect(vi.getTimerCount()).toBe(1);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  caller.destroy();
  await closed;
  expect(vi.getTimerCount()).toBe(0);
});

test("a body that is asked for in the turn in which it came is read", async () => {
  const request = new IncomingMessage(new Socket());
  request.headers["content-length"] = "4";
  const body = new RequestBody(request, new Shares(1000, 1000));
  request.push("body");
  expect(String(await body.collect(1000, "a"))).toBe("body");
});
