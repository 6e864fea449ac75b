import { expect, test } from "vitest";
import type { KeyRecord } from "../store.ts";
import type { NatsEntry, NatsKv } from "./client.ts";
import { entryKey, entryValue } from "./record-format.ts";
import { listRecords } from "./scan.ts";

const now = Date.parse("2026-11-26T00:00:00Z");
const running: KeyRecord = {
  state: "running",
  fingerprint: "f",
  owner: "o",
  attempt: 1,
  fence: now,
  leaseUntil: now + 60_000,
  checkpoints: {},
  createdAt: now,
  expiresAt: now + 120_000,
};
const done: KeyRecord = { ...running, state: "done", result: Uint8Array.of(1) };

/** A bucket with a follower that hands out these versions; the leader had the last of them. */
function bucketOf(...versions: readonly [key: string, record: KeyRecord | undefined][]): NatsKv {
  const entries = versions.map(([key, record], index): NatsEntry => {
    const name = { scope: "s", key };
    const value = record === undefined ? new Uint8Array() : entryValue(name, record);
    return { key: entryKey(name), value, revision: index + 1, operation: record === undefined ? "DEL" : "PUT" };
  });
  const status = {
    streamInfo: { ts: new Date(now).toISOString(), state: { messages: entries.length, last_seq: entries.length } },
  };
  return {
    status: async () => status,
    history: async () =>
      (async function* () {
        yield* entries;
      })(),
  } as unknown as NatsKv;
}

test("of a record that a follower hands out as it was and as it is, only what it is is listed", async () => {
  const listed = async (kv: NatsKv, limit = 100, state?: "running" | "done") =>
    (await listRecords(kv, { limit, ...(state && { state }) })).map(({ key, state }) => `${key} ${state}`);
  expect(await listed(bucketOf(["b", running], ["a", running], ["b", done]))).toEqual(["a running", "b done"]);
  expect(await listed(bucketOf(["a", running], ["b", running], ["a", done]), 100, "running")).toEqual(["b running"]);
  expect(await listed(bucketOf(["a", running], ["b", running], ["a", undefined]))).toEqual(["b running"]);
  expect(await listed(bucketOf(["c", running], ["a", running], ["b", done]), 2)).toEqual(["a running", "b done"]);
});
