import { expect, test, vi } from "vitest";
import { memoryStore } from "../stores/memory/index.ts";
import { onceFunction } from "./index.ts";

// As it is called from plain JavaScript.

type Loose = (options: unknown, fn?: unknown) => (...args: unknown[]) => Promise<unknown>;
const once = onceFunction as unknown as Loose;

const store = memoryStore();
const given = { store, scope: "misuse", key: (id: string) => id };
const invalid = (option: string) => expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option } });

test.each<[string, () => unknown, string, string]>([
  ["no function", () => once(given), "fn", "fn must be a function, but it is undefined."],
  ["a promise of one", () => once(given, Promise.resolve()), "fn", "fn must be a function"],
  ["no options", () => once(undefined, () => 1), "onceFunction's options", "must be an object"],
  ["a store as its options", () => once(store, () => 1), "options", "such as { store, scope, key }"],
  ["the function first", () => once(() => 1, given), "onceFunction's options", "but it is a function"],
  ["no scope", () => once({ ...given, scope: undefined }, () => 1), "scope", "a string that no other function has"],
  ["an empty scope", () => once({ ...given, scope: "" }, () => 1), "scope", 'but it is ""'],
  ["a function as its scope", () => once({ ...given, scope: () => "a" }, () => 1), "scope", "but it is a function"],
  ["no key", () => once({ ...given, key: undefined }, () => 1), "key", "key must be a function of the arguments"],
  ["a text as its key", () => once({ ...given, key: "id" }, () => 1), "key", "key must be a function"],
  ["no store", () => once({ ...given, store: undefined }, () => 1), "store", "a store of once-again"],
  ["another mode", () => once({ ...given, mode: "transaction" }, () => 1), "mode", '"leased" or "transactional"'],
  ["half a codec", () => once({ ...given, codec: { encode: String } }, () => 1), "codec", "{ encode, decode }"],
  ["half of refusals", () => once({ ...given, refusals: String }, () => 1), "refusals", "{ encode, decode }"],
  ["another onUnknown", () => once({ ...given, onUnknown: "retry" }, () => 1), "onUnknown", '"hold" or "rerun"'],
  ["another fingerprint", () => once({ ...given, fingerprint: "args" }, () => 1), "fingerprint", '"arguments", "key"'],
])("%s is refused when it is made", (_, make, option, message) => {
  expect(make).toThrow(invalid(option));
  expect(make).toThrow(message);
});

test("a store without transactions is refused for transactional mode", () => {
  expect(() => once({ ...given, mode: "transactional" }, () => 1)).toThrow(
    expect.objectContaining({ code: "ONCE_UNSAFE_PAIR" }),
  );
});

test.each<[string, unknown, string]>([
  ["undefined", undefined, "undefined, which is no string"],
  ["a number", 7, "7, which is no string"],
  ["null", null, "null, which is no string"],
  ["nothing", "", '"", which names nothing'],
  ["blanks", "  ", '"  ", which names nothing'],
  ["what a missing value becomes", "undefined", '"undefined", which names nothing'],
  ["an object as a text", "[object Object]", '"[object Object]", which names nothing'],
  ["a promise", Promise.resolve("a"), "a promise, which has to be awaited before"],
  ["a symbol", Symbol("a"), "Symbol(a), which is no string"],
  ["half a character", "\ud800", "no well-formed Unicode"],
  ["a text that is too long", "k".repeat(256), "256 characters long, and 255 are allowed"],
])("a key that is %s is refused before anything happens", async (_, key, problem) => {
  const fn = vi.fn<() => void>();
  const asked = vi.spyOn(store, "claim");
  const call = once({ store, scope: "keys", key: () => key }, fn) as ReturnType<Loose> & { close(): Promise<void> };
  const error = await call().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "ONCE_KEY_INVALID", details: { scope: "keys" } });
  expect((error as Error).message).toContain(`The key of this call of "keys" is ${problem}.`);
  expect([fn.mock.calls, asked.mock.calls]).toEqual([[], []]);
  asked.mockRestore();
  await call.close();
});

test("a key that throws is thrown, and nothing happens", async () => {
  const fn = vi.fn<() => void>();
  const call = once({ store, scope: "throws", key: (order: { id: string }) => order.id }, fn);
  await expect(call()).rejects.toThrow(TypeError);
  expect(fn).not.toHaveBeenCalled();
});

test.each<[string, unknown[], string]>([
  ["a Date", ["a", new Date(0)], "arguments.1 is an instance of Date"],
  ["a Map", ["a", new Map()], "arguments.1 is an instance of Map"],
  ["a class", ["a", { job: new (class Job {})() }], "arguments.1.job is an instance of Job"],
  ["a function", ["a", () => 1], "arguments.1 is a function"],
])("arguments with %s are refused before anything happens, with what to do", async (_, args, problem) => {
  const fn = vi.fn<() => void>();
  const call = once(given, fn) as ReturnType<Loose> & { close(): Promise<void> };
  const error = await call(...args).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "ONCE_ARGUMENTS_UNFIT", details: { scope: "misuse" } });
  expect((error as Error).message).toContain(`${problem}, which JSON can't represent`);
  expect((error as Error).message).toContain("option fingerprint");
  expect(fn).not.toHaveBeenCalled();
  await call.close();
});

test("two functions can't have one scope of a store, until the first is closed", async () => {
  const [one, other] = [() => "one", () => "other"];
  const first = onceFunction({ store, scope: "shared", key: (id: string) => id }, one);
  const same = onceFunction({ store, scope: "shared", key: (id: string) => id }, one);
  const make = () => onceFunction({ store, scope: "shared", key: (id: string) => id }, other);
  expect(make).toThrow(invalid("scope"));
  expect(make).toThrow(`The scope "shared" belongs to another function already.`);
  expect(() => onceFunction({ store: memoryStore(), scope: "shared", key: (id: string) => id }, other)).not.toThrow();
  await first.close();
  await first.close();
  expect(make).toThrow(invalid("scope"));
  await same.close();
  expect(await make()("a")).toBe("other");
});
