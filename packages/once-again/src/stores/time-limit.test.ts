import { once } from "node:events";
import { createServer, connect, type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../core/system-clock.ts";
import { storeLateError } from "../core/store-late-error.ts";
import { timeLimit } from "./time-limit.ts";

/** A server that answers each byte at once, in a process that does nothing else. */
async function echo() {
  const server = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  return socket;
}

/** Holds the event loop up. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test("an answer that lies in its socket when the event loop goes on is read first", async () => {
  const socket = await echo();
  // It is answered by this process itself, so it is here before the loop is held up.
  socket.write("x");
  await new Promise<void>((resolve) => socket.once("readable", resolve));
  const answer = new Promise((resolve) => {
    // It comes in the next turn of the loop, as the data of a socket does.
    setImmediate(() => resolve(String(socket.read())));
  });
  const limited = timeLimit(systemClock, 20)(answer);
  block(50);
  expect(await limited).toBe("x");
});

test("the time in a message is a whole number", () => {
  expect(storeLateError(4999.850737999994).message).toBe("The store's database did not answer for 5000 ms.");
});
