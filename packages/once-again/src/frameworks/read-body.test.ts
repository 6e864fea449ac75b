import type { IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { startHttpServer } from "../../../../test/support/http-server.ts";
import { requestBytes, tapBody } from "./read-body.ts";

const bytesMax = 4_000_000;

/** How a server reads a body: whether it could listen, the bytes as we got them, and as a reader behind us does. */
async function found(
  body: Uint8Array<ArrayBuffer> | ReadableStream,
  wait?: (request: IncomingMessage) => Promise<void>,
) {
  const url = await startHttpServer(async (request, response) => {
    if (wait !== undefined) await wait(request);
    const heard = tapBody(request, bytesMax);
    const bytes = await (async () => requestBytes(request, {}, bytesMax))().catch(
      (error: { code: string }) => error.code,
    );
    const isUntouched = !request.readableDidRead;
    const read = typeof bytes === "string" ? [] : [...(await buffer(request))];
    const same = typeof bytes !== "string" && Buffer.from(bytes).equals(Buffer.from(read));
    response.end(JSON.stringify({ heard, isUntouched, length: read.length, same, refused: !same && bytes }));
    request.resume();
  });
  const response = await fetch(url, { method: "POST", body, duplex: "half" });
  return response.json();
}

const filled = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, index) => index % 251);

test("a body that fits its stream is heard, and the stream is as it was", async () => {
  expect(await found(filled(200))).toEqual({ heard: true, isUntouched: true, length: 200, same: true, refused: false });
});

test("a body that is larger than its stream's room is read and put back", async () => {
  expect(await found(filled(3_000_000))).toMatchObject({ heard: true, length: 3_000_000, same: true });
});

test("a body that arrives piece by piece, of unknown length, is whole", async () => {
  const pieces = ReadableStream.from(
    (async function* () {
      for (let piece = 0; piece < 5; piece += 1) {
        yield filled(1000);
        await setImmediate();
      }
    })(),
  );
  expect(await found(pieces)).toMatchObject({ heard: true, length: 5000, same: true });
});

test("a body that was here before anybody listened is read and put back", async () => {
  const complete = async (request: IncomingMessage): Promise<void> => {
    while (!request.complete) await setImmediate();
  };
  expect(await found(filled(200), complete)).toMatchObject({ heard: false, length: 200, same: true });
});

test("a body that is larger than it may be is refused", async () => {
  expect(await found(filled(bytesMax + 1))).toMatchObject({ refused: "ONCE_BODY_TOO_LARGE" });
});
