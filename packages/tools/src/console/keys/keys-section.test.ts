import type { ListRequest, Store } from "once-again/stores";
import { memoryStore } from "once-again/stores/memory";
import { expect, onTestFinished, test } from "vitest";
import { listHeldKeys, listKeys } from "../../admin/list.ts";
import { listReleases } from "../../admin/releases.ts";
import { keysSection } from "./keys-section.ts";

const mayChange = { body: undefined, mayChange: false };

test("no list of keys reads stored answers, which may be large: it asks for their sizes", async () => {
  const memory = memoryStore();
  const asked: ListRequest[] = [];
  const store: Store = {
    ...memory,
    list(request) {
      asked.push(request);
      return memory.list(request);
    },
  };
  const name = { scope: "acme", key: "order-7" };
  await store.claim({ ...name, fingerprint: "f", owner: "worker", leaseMs: 60_000, retentionMs: 60_000 });
  await store.complete({ ...name, owner: "worker", result: new Uint8Array(1000), retentionMs: 60_000 });

  const section = keysSection({ store: () => store });
  onTestFinished(() => section.close());
  const watching = new AbortController();
  const shown = await section.routes["GET list"]!({
    ...mayChange,
    query: new URLSearchParams(),
    signal: watching.signal,
  });
  const watched = await section.routes["GET watch"]!({
    ...mayChange,
    query: new URLSearchParams(),
    signal: watching.signal,
  });
  for await (const { event } of "events" in watched ? watched.events : []) if (event === "sample") watching.abort();
  await listKeys(store, { limit: 10, label: "order" });
  await listHeldKeys(store, { limit: 10 }, 1);
  await listReleases(store, { limit: 10 });

  expect(shown).toMatchObject({ json: { keys: [{ key: "order-7", resultBytes: 1000, stepCount: 0 }] } });
  expect(asked.length).toBeGreaterThanOrEqual(6);
  expect(asked.filter(({ content }) => content !== "sizes")).toEqual([]);
});
