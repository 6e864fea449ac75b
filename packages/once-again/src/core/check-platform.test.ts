import { afterEach, expect, test, vi } from "vitest";
import { retryingFetch } from "../client/index.ts";
import { onceNode } from "../frameworks/node.ts";
import { memoryStore } from "../stores/memory/index.ts";

afterEach(() => vi.unstubAllGlobals());

test("on a platform that is too old, clients and servers say so when they are made", () => {
  const store = memoryStore();
  // Node 20's.
  const has = (target: object, name: string | symbol): boolean => name !== "withResolvers" && name in target;
  vi.stubGlobal("Promise", new Proxy(Promise, { has }));
  const needs = "once-again needs Promise.withResolvers, as Node 22.18 has it.";
  expect(() => retryingFetch()).toThrow(needs);
  expect(() => onceNode({ store, scope: "public" }, () => undefined)).toThrow(needs);
});
