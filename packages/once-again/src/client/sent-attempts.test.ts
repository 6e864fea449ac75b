import { expect, test } from "vitest";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { retry } from "../retry/index.ts";
import { retryingFetch } from "./retrying-fetch.ts";

// Only an attempt that may have left this machine leaves an outcome open, and none is begun, or counted, without time.

const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a body that its function never makes was never sent, and the call says that nothing happened", async () => {
  const clock = fakeClock();
  let sent = 0;
  const late = Promise.withResolvers<string>();
  const call = retryingFetch({ clock, timeoutMs: 150, fetch: async () => ((sent += 1), new Response()) });
  const ended = call("http://shop.example/", { method: "POST", body: () => late.promise }).catch(
    (error: unknown) => error,
  );
  await turn();
  await clock.advance(200);
  expect(await ended).toMatchObject({ code: "ONCE_DEADLINE_EXCEEDED", details: { attempts: 1, noEffect: true } });
  // The function's body comes too late to be sent.
  late.resolve("tea");
  await turn();
  expect(sent).toBe(0);
});

test("an attempt is in doubt once its body was made", async () => {
  const clock = fakeClock();
  const call = retryingFetch({ clock, timeoutMs: 150, fetch: () => new Promise(() => undefined) });
  const ended = call("http://shop.example/", { method: "POST", body: () => "tea" }).catch((error: unknown) => error);
  await turn();
  await clock.advance(200);
  expect(await ended).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", details: { attempts: 1 } });
});

/** A clock with timers that fire 20 ms late, as on a busy machine. */
function lateClock() {
  const clock = fakeClock();
  return { ...clock, timer: (ms: number, onTime: () => void) => clock.timer(ms + 20, onTime) };
}

test("a wait that ends after the deadline begins no attempt, and counts none", async () => {
  const clock = lateClock();
  let sent = 0;
  const events: string[] = [];
  const call = retryingFetch({
    clock,
    timeoutMs: 100,
    backoff: () => 90,
    fetch: async () => {
      sent += 1;
      throw refused;
    },
    onEvent: ({ type }) => void events.push(type),
  });
  const ended = call("http://shop.example/", { method: "POST", body: "tea" }).catch((error: unknown) => error);
  await turn();
  await clock.advance(200);
  expect(await ended).toMatchObject({
    code: "ONCE_DEADLINE_EXCEEDED",
    cause: refused,
    details: { attempts: 1, noEffect: true },
  });
  expect(sent).toBe(1);
  expect(events).toEqual(["attempt-started", "attempt-failed", "retry-scheduled", "retry-denied", "gave-up"]);
});

test("retry() does the same for any function", async () => {
  const clock = lateClock();
  let runs = 0;
  const operation = (): never => {
    runs += 1;
    throw refused;
  };
  const ended = retry(operation, { clock, timeoutMs: 100, backoff: () => 90 }).catch((error: unknown) => error);
  await turn();
  await clock.advance(200);
  expect(await ended).toMatchObject({ code: "ONCE_DEADLINE_EXCEEDED", cause: refused, details: { attempts: 1 } });
  expect(runs).toBe(1);
});
