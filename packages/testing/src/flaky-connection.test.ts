import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { flakyNetwork } from "./flaky-network.ts";

test("a server that refuses, or dies while it works, breaks the caller's connection", async () => {
  const dying = createHttpServer((incoming) => incoming.socket.destroy());
  await once(dying.listen(0, "127.0.0.1"), "listening");
  const port = (dying.address() as AddressInfo).port;
  await using broken = await flakyNetwork({ upstream: { port } });
  await expect(fetch(broken.url)).rejects.toMatchObject({ cause: { code: "UND_ERR_SOCKET" } });
  dying.close();
  await once(dying, "close");
  await expect(fetch(broken.url, { method: "POST", body: "x" })).rejects.toMatchObject({
    cause: { code: "ECONNRESET" },
  });
  broken.next({ scenario: "fail" });
  await expect(fetch(broken.url, { method: "POST", body: "x" })).rejects.toMatchObject({
    cause: { code: "ECONNRESET" },
  });
  expect(broken.counts.broken).toBe(3);
});

test("a caller that has closed its writing side still gets its answer", async () => {
  const answering = createHttpServer((_, outgoing) => outgoing.end("done"));
  await once(answering.listen(0, "127.0.0.1"), "listening");
  await using network = await flakyNetwork({ upstream: { port: (answering.address() as AddressInfo).port } });
  const socket = connect({ port: network.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end("GET /half HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  expect(await text(socket)).toContain("done");
  answering.close();
});

test("what is not HTTP/1.1 passes both ways", async () => {
  const echo = createServer((socket) => socket.pipe(socket));
  await once(echo.listen(0, "127.0.0.1"), "listening");
  await using raw = await flakyNetwork({
    upstream: { port: (echo.address() as AddressInfo).port },
    plan: () => ({ scenario: "fail" }),
  });
  const socket = connect(raw.port, "127.0.0.1");
  socket.write("\x16\x03\x01 not http\r\n\r\n");
  expect(String((await once(socket, "data"))[0])).toBe("\x16\x03\x01 not http\r\n\r\n");
  socket.destroy();
  echo.close();
});

test("a slow reader slows its writer down instead of filling memory", async () => {
  const stuck = createServer((socket) => socket.pause());
  await once(stuck.listen(0, "127.0.0.1"), "listening");
  await using slow = await flakyNetwork({ upstream: { port: (stuck.address() as AddressInfo).port } });
  const socket = connect(slow.port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n");
  const piece = Buffer.alloc(1 << 20);
  let writtenBytes = 0;
  const pour = (): void => {
    socket.write(piece, (error) => {
      if (error) return;
      writtenBytes += piece.length;
      pour();
    });
  };
  pour();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const stalledAt = writtenBytes;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(writtenBytes).toBe(stalledAt);
  expect(stalledAt).toBeLessThan(64 << 20);
  socket.destroy();
  stuck.close();
});
