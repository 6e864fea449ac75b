import { describe, expect, test, vi } from "vitest";
import type { Codec } from "../engine/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { type FunctionExecution, onceFunction } from "./index.ts";

/** A function without arguments that returns this. */
function returning(result: () => unknown, options: { resultBytesMax?: number; codec?: Codec<unknown> } = {}) {
  const store = memoryStore();
  const fn = vi.fn<(execution: FunctionExecution, id: string) => Promise<unknown>>(async () => result());
  const call = onceFunction({ store, scope: "call", key: (id: string) => id, ...options }, fn);
  return { call: () => call("a"), store, fn };
}

test.each([
  [undefined],
  [null],
  [0],
  [""],
  [false],
  ["\ud800 half a character"],
  [[1, [2, { a: "b" }], null]],
  [{ __proto__: null, a: { b: [] } }],
  [JSON.parse('{"__proto__": 1, "constructor": 2}')],
])("a result of %o comes back at the first call as at every repeat", async (result) => {
  const { call, fn } = returning(() => result);
  const [first, repeat] = [await call(), await call()];
  expect(first).toEqual(result);
  expect(repeat).toStrictEqual(first);
  expect(fn).toHaveBeenCalledOnce();
});

test("the first call gets what repeats get: members that are undefined are gone, and -0 is 0", async () => {
  const { call } = returning(() => ({ note: undefined, change: -0 }));
  expect(Object.entries((await call()) as object)).toEqual([["change", 0]]);
  expect(Object.entries((await call()) as object)).toEqual([["change", 0]]);
});

test("what a caller does to its result is no one else's", async () => {
  const { call } = returning(() => ({ items: ["tea"] }));
  ((await call()) as { items: string[] }).items.push("coffee");
  expect(await call()).toEqual({ items: ["tea"] });
});

const cycle: Record<string, unknown> = {};
cycle["self"] = cycle;

describe.each<[string, unknown, string]>([
  ["a Date", { at: new Date(0) }, "result.at is an instance of Date"],
  ["a Map", new Map(), "result is an instance of Map"],
  ["a bigint", 7n, "result is a bigint"],
  ["NaN", { rate: Number.NaN }, "result.rate is NaN"],
  ["undefined in an array", [undefined], "result[0] is undefined"],
  ["an instance of a class", new (class Receipt {})(), "result is an instance of Receipt"],
  ["a cycle", cycle, "result.self is part of itself"],
])("%s as a result", (_, result, problem) => {
  test("is a clear error, at the first call and at every repeat, and nothing happens twice", async () => {
    const { call, fn } = returning(() => result);
    for (let time = 1; time <= 2; time += 1) {
      const error = await call().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "ONCE_RESULT_UNFIT" });
      expect((error as Error).message).toContain(problem);
    }
    expect(fn).toHaveBeenCalledOnce();
  });
});

test("a codec stores what JSON can't", async () => {
  const codec: Codec<unknown> = {
    encode: (value) => new TextEncoder().encode((value as Date).toISOString()),
    decode: (bytes) => new Date(new TextDecoder().decode(bytes)),
  };
  const { call, fn } = returning(() => new Date(7), { codec });
  expect(await call()).toEqual(new Date(7));
  expect(await call()).toEqual(new Date(7));
  expect(fn).toHaveBeenCalledOnce();
});

test.each<[string, (value: unknown) => unknown]>([
  ["a text", JSON.stringify],
  ["an ArrayBuffer", () => new ArrayBuffer(1)],
  ["a promise", async () => Uint8Array.of(1)],
  ["nothing", () => undefined],
])("a codec that encodes to %s is a clear error, at the first call and at every repeat", async (_, encode) => {
  const decode = (content: unknown): unknown => (typeof content === "string" ? JSON.parse(content) : undefined);
  const { call, fn } = returning(() => 1, { codec: { encode, decode } as never });
  for (let time = 1; time <= 2; time += 1) {
    const message = expect.stringContaining("codec.encode returned no Uint8Array") as unknown;
    await expect(call()).rejects.toMatchObject({ code: "ONCE_RESULT_UNFIT", message });
  }
  expect(fn).toHaveBeenCalledOnce();
});

test("a codec that fails at the first call fails the same at every repeat", async () => {
  const codec: Codec<unknown> = {
    encode: () => {
      throw new RangeError("too many decimals");
    },
    decode: () => undefined,
  };
  const { call, fn } = returning(() => 1, { codec });
  for (let time = 1; time <= 2; time += 1) {
    await expect(call()).rejects.toMatchObject({ code: "ONCE_RESULT_UNFIT" });
    await expect(call()).rejects.toThrow("too many decimals");
  }
  expect(fn).toHaveBeenCalledOnce();
});

test("a result that is too large is an error of every call, and nothing happens twice", async () => {
  const { call, fn } = returning(() => "x".repeat(2000), { resultBytesMax: 1024 });
  for (let time = 1; time <= 2; time += 1) {
    await expect(call()).rejects.toMatchObject({ code: "ONCE_RESULT_TOO_LARGE" });
  }
  expect(fn).toHaveBeenCalledOnce();
});

describe("what is stored under its key by others", () => {
  const settled = async (result: string) => {
    const { call, store, fn } = returning(() => 1);
    fn.mockRejectedValueOnce(new Error("connection lost"));
    await expect(call()).rejects.toThrow("connection lost");
    const settlement = { as: "done", result: new TextEncoder().encode(result), retentionMs: 60_000 } as const;
    expect(await store.resolve({ scope: "call", key: "a", settlement })).toBe(true);
    return call;
  };

  test("is its result, where a person settled it by `keys resolve`", async () => {
    expect(await (await settled('{"status":200,"headers":[]}\n{"paid":7}'))()).toEqual({ paid: 7 });
    expect(await (await settled('{"status":204,"headers":[]}\n'))()).toBeUndefined();
  });

  test.each([
    ["a response that is no success", '{"status":500,"headers":[]}\n{}'],
    ["a result that is no JSON", '{"status":200,"headers":[]}\nokay'],
    ["a refusal, which it can't read", '{"call":"refused"}\n{}'],
    ["something else", "okay"],
    ["nothing", ""],
  ])("is never taken for its result when it is %s", async (_, stored) => {
    const call = await settled(stored);
    await expect(call()).rejects.toMatchObject({ code: "ONCE_RECORD_BROKEN" });
  });
});
