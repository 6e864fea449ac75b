import type { AttemptFailure } from "./should-retry.ts";
import { expect, test } from "vitest";
import { answer, reset, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { retryingFetch } from "./index.ts";
import type { RetryingFetchOptions } from "./fetch-options.ts";

const fast: RetryingFetchOptions = { attemptsMax: 3, keys: true, backoff: () => 0 };
const post = { method: "POST", body: "tea" };
const always = (): boolean => true;
const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" });

test("a condition has a failure tried again that the rules take for permanent", async () => {
  const server = await scriptedServer();
  server.script.push(answer(404), answer(404));
  const fetch = retryingFetch({ ...fast, shouldRetry: ({ status }) => (status === 404 ? true : undefined) });
  expect((await fetch(server.url)).status).toBe(200);
  expect(server.received).toHaveLength(3);
});

test("a condition forbids a retry that the rules would make", async () => {
  const server = await scriptedServer();
  server.script.push(answer(503));
  const fetch = retryingFetch({ ...fast, shouldRetry: ({ headers }) => headers?.get("x-none") !== null });
  expect((await fetch(server.url)).status).toBe(503);
  expect(server.received).toHaveLength(1);
});

test("it sees the attempt, and neither query nor body", async () => {
  const server = await scriptedServer();
  server.script.push(answer(500), reset);
  const failures: AttemptFailure[] = [];
  const fetch = retryingFetch({ ...fast, shouldRetry: (failure) => void failures.push(failure) });
  await fetch(`${server.url}?secret=1`, { ...post, headers: { "idempotency-key": "order-17" } });
  expect(failures).toMatchObject([
    { attempt: 1, method: "POST", url: server.url, key: "order-17", status: 500, verdict: { delivery: "failed" } },
    { attempt: 2, status: undefined, headers: undefined, verdict: { delivery: "unknown" } },
  ]);
  expect(failures[1]?.error).toBeInstanceOf(Error);
});

test.each([
  ["that got no response", reset],
  ["that was answered 500", answer(500)],
  ["that was answered 501", answer(501)],
  ["that was answered 504", answer(504)],
  ["that was answered 503 with Retry-After by a stranger", answer(503, { "retry-after": "0" })],
])("no condition has a POST without a key sent again %s", async (_, first) => {
  for (const options of [{ shouldRetry: always }, { retryStatuses: [500, 501, 503, 504] }]) {
    const server = await scriptedServer();
    server.script.push(first);
    const fetch = retryingFetch({ ...fast, ...options, keys: "off" });
    await fetch(server.url, post).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    });
    expect(server.received).toHaveLength(1);
  }
});

test("a POST without a key is sent again after a refusal, if the condition says so", async () => {
  const server = await scriptedServer();
  server.script.push(answer(422));
  const fetch = retryingFetch({ ...fast, shouldRetry: always, keys: "off" });
  expect((await fetch(server.url, post)).status).toBe(200);
});

test("a replayed answer, and a retry inside that gave up, are final", async () => {
  const server = await scriptedServer();
  server.script.push(answer(500, { "idempotent-replayed": "true" }));
  const fetch = retryingFetch({ ...fast, shouldRetry: always });
  expect((await fetch(server.url, post)).status).toBe(500);
  let calls = 0;
  const inner: typeof globalThis.fetch = (input, init) => {
    calls += 1;
    return fetch(input, init);
  };
  server.script.push(reset, reset, reset);
  const outer = retryingFetch({ ...fast, shouldRetry: always, fetch: inner });
  await expect(outer(server.url)).rejects.toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED" });
  expect(calls).toBe(1);
});

test("a call that its condition stops in doubt has an unknown outcome", async () => {
  const server = await scriptedServer();
  server.script.push(reset);
  const fetch = retryingFetch({ ...fast, shouldRetry: () => false });
  await expect(fetch(server.url, post)).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
});

test.each([
  ["an async function", async () => true],
  ["one that gives a word", () => "yes"],
])("%s is no condition: the error comes at the first failure, and a doubt stays a doubt", async (_, given) => {
  const server = await scriptedServer();
  server.script.push(answer(503), reset);
  const fetch = retryingFetch({ ...fast, shouldRetry: given as never });
  await expect(fetch(server.url)).rejects.toEqual(invalid);
  const lost = fetch(server.url, { ...post, headers: { "idempotency-key": "order-17" } });
  await expect(lost).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", cause: invalid });
  expect(server.received).toHaveLength(2);
});

test("a list of statuses stands for those that are tried again by default", async () => {
  const server = await scriptedServer();
  server.script.push(answer(423), answer(500));
  const fetch = retryingFetch({ ...fast, retryStatuses: [423] });
  expect((await fetch(server.url)).status).toBe(500);
  expect(server.received).toHaveLength(2);
  server.script.push(reset);
  expect((await fetch(server.url)).status).toBe(200);
});

test("one call can have separate limits and a separate condition", async () => {
  const server = await scriptedServer();
  const fetch = retryingFetch({ ...fast, retryStatuses: [] });
  server.script.push(answer(500), answer(500), answer(500), answer(500));
  expect((await fetch(server.url, { attemptsMax: 2, shouldRetry: always })).status).toBe(500);
  expect(server.received).toHaveLength(2);
  await expect(fetch(server.url, { attemptsMax: 0 })).rejects.toEqual(invalid);
  await expect(fetch(server.url, { timeoutMs: Number.NaN })).rejects.toEqual(invalid);
  await expect(fetch(server.url, { shouldRetry: "yes" as never })).rejects.toEqual(invalid);
  expect(server.received).toHaveLength(2);
});

test("a call's own deadline counts, and with a key no longer than the key is remembered", async () => {
  const clock = fakeClock();
  const waits = (timeoutMs: number, headers: Record<string, string>): Promise<unknown> => {
    const fetch = retryingFetch({
      clock,
      attemptsMax: 2,
      backoff: () => 1000,
      keys: "off",
      keyRetentionMs: 500,
      fetch: async () =>
        Promise.reject(Object.assign(new Error("refused"), { code: "ECONNREFUSED", syscall: "connect" })),
    });
    return fetch("http://shop.example/", { ...post, headers, timeoutMs }).catch(({ code }: { code: string }) => code);
  };
  expect(await waits(900, {})).toBe("ONCE_DEADLINE_EXCEEDED");
  expect(await waits(5000, { "idempotency-key": "order-17" })).toBe("ONCE_DEADLINE_EXCEEDED");
  const longer = waits(5000, {});
  await clock.advance(1000);
  expect(await longer).toBe("ONCE_ATTEMPTS_EXHAUSTED");
});

test.each([[[200]], [[600]], [["500"]], ["500"], [[502.5]]])("retryStatuses of %j is refused", (retryStatuses) => {
  expect(() => retryingFetch({ retryStatuses: retryStatuses as never })).toThrow(invalid);
});

test("what a condition throws ends the call", async () => {
  const server = await scriptedServer();
  server.script.push(answer(503), answer(503));
  const fault = new Error("fault");
  const shouldRetry = (): never => {
    throw fault;
  };
  await expect(retryingFetch({ ...fast, shouldRetry })(server.url)).rejects.toBe(fault);
  await expect(retryingFetch({ ...fast, shouldRetry })(server.url, post)).rejects.toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: fault,
  });
});
