import { expect, test } from "vitest";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { sqliteStore } from "../stores/sqlite/index.ts";
import { bytesCodec, leasedEngine, type ServerEvent, transactionalEngine } from "./index.ts";
import { checkEngineOptions } from "./options.ts";
import { optionsWithin, remainingMs } from "./time-left.ts";

test("where its process ends soon, an operation waits for another for half of the time at most", () => {
  const options = checkEngineOptions({ clock: fakeClock(0) });
  expect(options.waitMs).toBe(5000);
  const waits = [100, 1000, 3000, 60_000].map((timeLeftMs) => optionsWithin(options, timeLeftMs).waitMs);
  expect(waits).toEqual([45, 450, 1350, 5000]);
  const brief = checkEngineOptions({ clock: fakeClock(0), waitMs: 100 });
  expect(optionsWithin(brief, 60_000).waitMs).toBe(100);
  expect(optionsWithin(options, undefined)).toBe(options);
});

test.for([
  ["leased", leasedEngine],
  ["transactional", transactionalEngine],
] as const)("%s: with less than 100 ms left nothing begins, and nothing is claimed", async ([, open]) => {
  const store = sqliteStore({ path: `${temporaryFolder()}/keys.db` });
  const events: string[] = [];
  const engine = open(store, { onEvent: ({ type }: ServerEvent) => void events.push(type) });
  const work = async () => ({ effect: "done" as const, result: new Uint8Array() });
  const operation = { scope: "a", key: "k", fingerprint: "f", codec: bytesCodec };
  for (const timeLeftMs of [0, 3.4, 99.9]) {
    const message = new RegExp(`ends in ${Math.floor(timeLeftMs)} ms.*Nothing happened`);
    await expect(engine.run({ ...operation, timeLeftMs }, work)).rejects.toMatchObject({
      code: "ONCE_CLOSED",
      message: expect.stringMatching(message) as string,
    });
  }
  expect(events).toEqual([]);
  expect(await store.inspect(operation)).toBeUndefined();
  expect(await engine.run({ ...operation, timeLeftMs: 5000 }, work)).toMatchObject({ kind: "executed" });
  await engine.close();
  await store.close();
});

test("a context that says no time has no bound", () => {
  const contexts = [undefined, {}, { getRemainingTimeInMillis: () => Number.NaN }, { getRemainingTimeInMillis: 3 }];
  expect(contexts.map(remainingMs)).toEqual([undefined, undefined, undefined, undefined]);
  expect(remainingMs({ getRemainingTimeInMillis: () => -2 })).toBe(0);
});
