import { describe, expect, test } from "vitest";
import { ask } from "../../../../test/support/http-bench.ts";
import { appDatabase } from "../../../../test/support/app-database.ts";
import { OnceAgainError } from "../core/errors.ts";
import { onceFunction } from "../function/index.ts";
import { onceHttp } from "../http/index.ts";
import { keyMeta, openToolCalls } from "../mcp/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { sealedStore } from "../stores/sealed-store.ts";
import type { Store, TransactionalStore } from "../stores/store.ts";

const bytesMax = 2000;

/** A store that takes only small results, and never says so before. */
function boundedStore(): Store {
  const store = memoryStore();
  return {
    ...store,
    resultBytesMax: bytesMax,
    complete: async (request) => {
      if (request.result.length > bytesMax) throw new OnceAgainError("ONCE_RESULT_TOO_LARGE", "It does not fit.");
      return store.complete(request);
    },
  };
}

const tooLarge = expect.objectContaining({ code: "ONCE_RESULT_TOO_LARGE" });

describe.for([
  ["a store with a bound", boundedStore],
  ["a sealed one on it", () => sealedStore(boundedStore(), [{ id: "k", secret: new Uint8Array(32) }])],
] as const)("%s", ([, open]) => {
  test.for([-1, 0, 1, 500])("a function learns before its effect is in doubt: %i bytes beyond", async (beyond) => {
    const store = open();
    let runs = 0;
    // JSON has two quotation marks around a text, and the line in front has up to 64 bytes.
    const length = store.resultBytesMax! - 64 - 2 + beyond;
    const fn = onceFunction(
      { store, scope: `f ${beyond}`, key: (id: string) => id },
      () => ((runs += 1), "x".repeat(length)),
    );
    for (let repeats = 0; repeats < 2; repeats += 1) {
      const call = fn("order-7");
      if (beyond > 0) await expect(call).rejects.toEqual(tooLarge);
      else expect((await call).length).toBe(length);
    }
    expect(runs).toBe(1);
    await fn.close();
  });

  test("a route answers ONCE_RESULT_TOO_LARGE, and stores that", async () => {
    const once = onceHttp<string>({ store: open(), scope: "public", onError: () => undefined });
    let runs = 0;
    const run = async () => ((runs += 1), { status: 201, headers: [], body: new Uint8Array(bytesMax) });
    for (let repeats = 0; repeats < 2; repeats += 1) {
      expect(await ask(once, run)).toMatchObject({
        status: 500,
        text: expect.stringContaining("ONCE_RESULT_TOO_LARGE"),
      });
    }
    expect(runs).toBe(1);
    expect(once.resultBytesMax).toBeLessThanOrEqual(bytesMax);
  });

  test("a tool of MCP says that it did its work", async () => {
    await using calls = openToolCalls({ store: open(), scope: "alice", onError: () => undefined });
    let runs = 0;
    const work = () => ((runs += 1), { content: [{ type: "text", text: "x".repeat(bytesMax) }] });
    const context = { _meta: { [keyMeta]: "order-7" } };
    for (let repeats = 0; repeats < 2; repeats += 1) {
      const result = await calls.call({ name: "charge" }, {}, context as never, work);
      expect(result).toMatchObject({ _meta: { "once-again/error": "ONCE_RESULT_TOO_LARGE" } });
    }
    expect(runs).toBe(1);
  });

  test("an option beyond the bound is refused when the room is made, with the bound", () => {
    const store = open();
    const refused = expect.objectContaining({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining("since this store takes no larger result"),
    });
    const limits = { resultBytesMax: store.resultBytesMax! + 1 };
    expect(() => onceHttp({ store, scope: "public", limits })).toThrow(refused);
    expect(() => onceFunction({ store, scope: "g", key: String, ...limits }, () => 1)).toThrow(refused);
    expect(() => openToolCalls({ store, scope: "alice", ...limits })).toThrow(refused);
  });
});

test("in a transaction a result beyond the bound is rolled back, and its error names the code", async () => {
  const { store, orders } = appDatabase();
  const bounded = { ...store, resultBytesMax: bytesMax } as TransactionalStore<never>;
  const options = { mode: "transactional", store: bounded, scope: "t", key: (id: string) => id } as const;
  const fn = onceFunction(options, () => "x".repeat(bytesMax));
  await expect(fn("order-7")).rejects.toEqual(tooLarge);
  expect(orders()).toEqual([]);
  await fn.close();
});
