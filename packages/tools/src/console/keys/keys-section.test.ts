import type { ListRequest, Store } from "once-again/stores";
import { memoryStore } from "once-again/stores/memory";
import { encodeResponse } from "once-again/http";
import { expect, onTestFinished, test } from "vitest";
import type { KeyDocument } from "../../admin/key-document.ts";
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

test("a stored answer is shown without the headers and members that are masked", async () => {
  const store = memoryStore();
  const name = { scope: "acme", key: "order-7" };
  const headers = [["x-api-key", "sk_live_1"]] as const;
  const result = encodeResponse({ status: 201, headers, body: new TextEncoder().encode('{"pan":"4111","id":7}') });
  await store.claim({ ...name, fingerprint: "f", owner: "worker", leaseMs: 60_000, retentionMs: 60_000 });
  await store.complete({ ...name, owner: "worker", result, retentionMs: 60_000 });
  const shown = async (mask?: readonly string[]) => {
    const section = keysSection({ store: () => store, mask });
    onTestFinished(() => section.close());
    const { signal } = new AbortController();
    const answer = await section.routes["GET show"]!({ ...mayChange, query: new URLSearchParams(name), signal });
    const { result } = ("json" in answer ? answer.json : {}) as KeyDocument;
    return result?.kind === "answer" ? [...result.headers.flat(), atob(result.bodyBase64)] : [];
  };
  expect(await shown()).toEqual(["x-api-key", "(masked)", '{"pan":"4111","id":7}']);
  expect(await shown(["PAN"])).toEqual(["x-api-key", "sk_live_1", '{"pan":"(masked)","id":7}']);
});
