import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { BodyMemory } from "./body-memory.ts";
import { RequestBody } from "./request-body.ts";

afterEach(() => vi.useRealTimers());

test("a caller who has the response, and leaves before all of the body is sent, takes no more memory", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const lingering = Promise.withResolvers<IncomingMessage>();
  const server = createServer((request, response) => {
    const body = new RequestBody(request, new BodyMemory(1000));
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
