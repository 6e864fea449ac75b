import { once } from "node:events";
import { expect, test } from "vitest";
import { tinyChunkPace } from "./tiny-chunk-pace.ts";

test("a body of more tiny chunks than its connection may send is held back, and read again when its time has come", async () => {
  const events = new EventTarget();
  const heldBack: boolean[] = [];
  const pace = tinyChunkPace((isHeldBack) => {
    heldBack.push(isHeldBack);
    if (!isHeldBack) events.dispatchEvent(new Event("read"));
  });
  for (let chunk = 0; chunk < 1050; chunk += 1) pace.count(new Uint8Array(1));
  pace.check();
  expect(heldBack).toEqual([true]);
  await once(events, "read");
  expect(heldBack).toEqual([true, false]);
});

test("chunks of 64 bytes or more are never held back", () => {
  const heldBack: boolean[] = [];
  const pace = tinyChunkPace((isHeldBack) => heldBack.push(isHeldBack));
  for (let chunk = 0; chunk < 100_000; chunk += 1) pace.count(new Uint8Array(64));
  pace.check();
  expect(heldBack).toEqual([]);
});
