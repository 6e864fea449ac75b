import { hash } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { builtinModule } from "./builtin-module.ts";

afterEach(() => vi.unstubAllGlobals());

test("a module of Node's is there in Node", () => {
  expect(builtinModule("node:crypto")?.hash).toBe(hash);
});

test.for<[string, unknown]>([
  ["without a process", undefined],
  ["with a process that has no such function", { env: {} }],
  [
    "with a process of which each function throws",
    {
      getBuiltinModule() {
        throw new Error("A Node.js API is used which is not supported in the Edge Runtime.");
      },
    },
  ],
])("a platform %s has no such module", ([, process]) => {
  vi.stubGlobal("process", process);
  const found = builtinModule("node:crypto");
  vi.unstubAllGlobals();
  expect(found).toBe(undefined);
});
