import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { resetConnection } from "./reset-connection.ts";

/** Both ends of a connection. */
async function openBoth(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const accepted = once(server, "connection");
  const { port } = server.address() as AddressInfo;
  const near = connect({ port, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => undefined);
  const [far] = (await accepted) as [Socket];
  far.on("error", () => undefined);
  await once(near, "ready");
  return { near, far };
}

test("a reset reaches the other side", async () => {
  const { near, far } = await openBoth();
  const failed = once(far, "error");
  far.resume();
  resetConnection(near);
  expect((await failed)[0]).toMatchObject({ code: "ECONNRESET" });
});

test("a connection closes, too, while its own end is on its way out", async () => {
  const { near, far } = await openBoth();
  const closed = Promise.all([once(near, "close"), once(far, "close")]);
  far.resume().once("end", () => far.end());
  near.end();
  resetConnection(near);
  await closed;
  expect(near.destroyed).toBe(true);
});
