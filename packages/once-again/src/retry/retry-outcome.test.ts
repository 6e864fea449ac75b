import { expect, test } from "vitest";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { retry } from "./retry.ts";

const fault = new Error("fault");
const fail = (): never => {
  throw fault;
};

test("a value that came before the caller's abort was seen is the caller's", async () => {
  const controller = new AbortController();
  const events: string[] = [];
  const operation = (): Promise<string> => {
    const value = Promise.resolve("executed");
    // After the attempt has taken the value, and before the call looks at it.
    void value.then(() => queueMicrotask(() => controller.abort(new Error("too late"))));
    return value;
  };
  const { signal } = controller;
  expect(await retry(operation, { signal, onEvent: ({ type }) => void events.push(type) })).toBe("executed");
  expect([signal.aborted, events]).toEqual([true, ["attempt-started", "succeeded"]]);
});

test("where no decision named a delay, the error names no date", async () => {
  const options = { attemptsMax: 2, backoff: () => 0, timeoutMs: 1000, clock: fakeClock() };
  const details = (decide?: () => { action: "retry"; delayMsMin?: number }): Promise<unknown> =>
    retry(fail, { ...options, ...(decide && { decide }) }).catch(({ details }: { details: object }) => details);
  expect(await details()).toStrictEqual({ attempts: 2, elapsedMs: 0 });
  expect(await details(() => ({ action: "retry" }))).toStrictEqual({ attempts: 2, elapsedMs: 0 });
  const named = await details(() => ({ action: "retry", delayMsMin: 0 }));
  expect(named).toStrictEqual({ attempts: 2, elapsedMs: 0, retryAt: options.clock.now() });
});

test("a retry for which no kind was named is charged as transient", async () => {
  const charged: unknown[] = [];
  const budget = {
    tryTake: (kind: unknown) => charged.push(kind) > 0,
    onSuccess: (kind: unknown) => void charged.push(kind),
  };
  const operation = ({ number }: { number: number }): string => (number < 3 ? fail() : "fine");
  expect(await retry(operation, { budget, backoff: () => 0 })).toBe("fine");
  expect(charged).toEqual(["transient", "transient", "transient"]);
});
