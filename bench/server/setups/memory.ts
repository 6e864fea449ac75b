import { Idempotency } from "@node-idempotency/core";
import { MemoryStorageAdapter } from "@node-idempotency/storage-adapter-memory";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import { expressIdempotency, nodeIdempotency } from "../peers.ts";
import { type MakeSetup, plainWork, unguarded } from "../setup.ts";

const stored = new Map<string, string>();

/** The guards with keys in the memory of their process. */
export const memorySetups = {
  none: async () => ({ kind: "function", guarded: unguarded, work: plainWork }),
  "hand-written": async () => ({
    kind: "function",
    work: plainWork,
    guarded: async ({ key }, work) => {
      const known = stored.get(key);
      if (known === "") throw new Error("in progress");
      if (known !== undefined) return known;
      stored.set(key, "");
      const text = await work(undefined);
      stored.set(key, text);
      return text;
    },
  }),
  "once-again": async () => ({
    kind: "leased",
    options: { store: memoryStore({ recordsMax: 10_000_000 }), scope: "public" },
    work: plainWork,
  }),
  "node-idempotency": async () => ({
    kind: "function",
    guarded: nodeIdempotency(new Idempotency(new MemoryStorageAdapter())),
    work: plainWork,
  }),
  "express-idempotency": async () => expressIdempotency(),
} satisfies Record<string, MakeSetup>;
