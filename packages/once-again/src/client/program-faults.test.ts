import axios from "axios";
import { describe, expect, test } from "vitest";
import { scriptedServer } from "../../../../test/support/scripted-server.ts";
import { errorVerdict } from "../delivery/index.ts";
import { retryingAdapter } from "../interceptors/axios.ts";
import { retryingFetch } from "./retrying-fetch.ts";

// A fault of the program is not the network's: it is not sent again, and the error says what failed.

const url = "http://shop.example/orders";
const post = { method: "POST", body: "tea" };
/** No wait would end: a retry would hang. */
const options = { keys: true, backoff: () => 100_000 } as const;

const missing = undefined as unknown as { items: unknown[]; (): void };
const faults: [string, () => unknown][] = [
  ["a call of what is no function", () => missing()],
  ["a member of undefined", () => missing.items],
  ["a member of undefined that is set", () => (missing.items = [])],
  ["a name that is not declared", () => noSuchName()],
  ["an iteration of what is no list", () => [...(7 as unknown as [])]],
];

/** Throws as a name that was never declared does. */
function noSuchName(): never {
  throw new ReferenceError("noSuchName is not defined");
}

describe.each(faults)("%s", (_, fail) => {
  test.each([
    ["before anything is sent", () => fail() as Promise<Response>],
    ["after a pause", async () => (await Promise.resolve(), fail()) as Response],
  ])("in the option fetch, %s, ends the call at once, in doubt and with its text", async (_when, fetch) => {
    let calls = 0;
    const call = retryingFetch({ ...options, fetch: async () => ((calls += 1), fetch()) });
    const error = await call(url, post).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", details: { attempts: 1 } });
    expect(String(error)).toMatch(
      /The function that sends requests failed by itself \(.+\), not the network: mend it\./,
    );
    await expect(call(url)).rejects.toThrow(/^(?!.*No success)/);
    expect(calls).toBe(2);
  });
});

test.each([[undefined], [null], ["text"]])("a fetch that resolves with %o ends the call at once", async (value) => {
  const call = retryingFetch({ ...options, fetch: async () => value as never });
  await expect(call(url, post)).rejects.toThrow(`The function that sends resolved with ${value}`);
  await expect(call(url)).rejects.toThrow(`The function that sends resolved with ${value}`);
});

test("a fault of the platform's own fetch comes and goes, and is tried again", async () => {
  let calls = 0;
  const cause = new TypeError("Cannot read properties of null (reading 'push')");
  const fetch = async (): Promise<Response> => {
    calls += 1;
    if (calls === 1) throw new TypeError("fetch failed", { cause });
    return new Response("tea");
  };
  expect(await (await retryingFetch({ keys: true, backoff: () => 0, fetch })(url, post)).text()).toBe("tea");
});

test.each(["Failed to fetch", "Load failed", "NetworkError when attempting to fetch resource.", "terminated"])(
  "a TypeError of the network is no fault of the program: %s",
  (message) => expect(errorVerdict(new TypeError(message))).toMatchObject({ transient: true }),
);

test("an error that wraps itself is judged", () => {
  const error = new Error("odd");
  error.cause = error;
  expect(errorVerdict(error)).toMatchObject({ delivery: "unknown", transient: true });
});

describe("retryingAdapter", () => {
  test.each<[string, unknown]>([
    ["axios' list of names", axios.defaults.adapter],
    ["a name", "http"],
    ["options", { keys: true }],
  ])("refuses %s when it is made, and says how to get a function", (_, adapter) => {
    const make = (): unknown => retryingAdapter(adapter as never, options);
    expect(make).toThrow("adapter must be a function, such as axios.getAdapter(axios.defaults.adapter), but it is");
  });

  test("an adapter that fails by itself ends the call at once", async () => {
    const server = await scriptedServer();
    const adapter = retryingAdapter(async () => missing.items as never, options);
    await expect(axios.post(server.url, "tea", { adapter })).rejects.toThrow("not the network: mend it");
    await expect(axios.get(server.url, { adapter })).rejects.toThrow(TypeError);
    expect(server.received).toEqual([]);
  });
});
