import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { Operation } from "../attempt.ts";
import { compose, run } from "../layer.ts";
import { retry } from "../retry.ts";
import { circuitBreaker } from "./circuit-breaker.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";

const fault = new Error("fault");
const fail: Operation<never> = () => {
  throw fault;
};
const succeed: Operation<string> = () => "fine";
const never = (): Promise<never> => new Promise(() => {});
const open = expect.objectContaining({ code: "ONCE_CIRCUIT_OPEN" });

/** Waits for the rejection that is to come; begun before it, so that it is never unhandled. */
async function rejects(promise: Promise<unknown>, reason: unknown): Promise<void> {
  await expect(promise).rejects.toEqual(reason);
}

/** A breaker that four failures open for a second. */
function smallBreaker(options: object = {}) {
  const clock = fakeClock(5000);
  const breaker = circuitBreaker({ clock, callsMin: 4, openMs: 1000, probeTimeoutMs: 500, ...options });
  const call = <T>(operation: Operation<T>, signal?: AbortSignal): Promise<T> => run(breaker(operation), signal);
  const trip = async (): Promise<void> => {
    for (let time = 0; time < 4; time += 1) await expect(call(fail)).rejects.toBe(fault);
  };
  return { clock, call, trip };
}

test("too many failures open it, and it says when to come back", async () => {
  const { call, trip } = smallBreaker();
  await trip();
  await expect(call(() => expect.fail("was called"))).rejects.toMatchObject({
    code: "ONCE_CIRCUIT_OPEN",
    details: { retryAfterMs: 1000, retryAt: 6000 },
  });
});

test("it stays closed on few calls, and below the ratio", async () => {
  const { call } = smallBreaker({ failureRatio: 0.6 });
  for (let time = 0; time < 3; time += 1) await expect(call(fail)).rejects.toBe(fault);
  for (let time = 0; time < 3; time += 1) await call(succeed);
  await expect(call(fail)).rejects.toBe(fault);
  expect(await call(succeed)).toBe("fine");
  // 4 of 8 by now; 6 of 10 are the ratio.
  for (let time = 0; time < 2; time += 1) await expect(call(fail)).rejects.toBe(fault);
  await expect(call(succeed)).rejects.toEqual(open);
});

test("a window of time forgets old failures, a window of calls does so after as many calls", async () => {
  const timed = smallBreaker({ window: { lengthMs: 1000 } });
  for (let time = 0; time < 3; time += 1) await expect(timed.call(fail)).rejects.toBe(fault);
  await timed.clock.advance(1000);
  await expect(timed.call(fail)).rejects.toBe(fault);
  expect(await timed.call(succeed)).toBe("fine");

  const counted = smallBreaker({ window: { calls: 4 }, failureRatio: 0.75 });
  for (const operation of [fail, fail, succeed, succeed, fail, succeed, fail]) {
    await counted.call<string>(operation).catch(() => undefined);
  }
  expect(await counted.call(succeed)).toBe("fine");
  await expect(counted.call(fail)).rejects.toBe(fault);
  await expect(counted.call(fail)).rejects.toBe(fault);
  await expect(counted.call(succeed)).rejects.toEqual(open);
});

test("a probe that succeeds closes it, and what happened before is forgotten", async () => {
  const { clock, call, trip } = smallBreaker();
  await trip();
  await clock.advance(1000);
  expect(await call(succeed)).toBe("fine");
  for (let time = 0; time < 3; time += 1) await expect(call(fail)).rejects.toBe(fault);
  expect(await call(succeed)).toBe("fine");
});

test("a probe that fails opens it again", async () => {
  const { clock, call, trip } = smallBreaker();
  await trip();
  await clock.advance(1000);
  await expect(call(fail)).rejects.toBe(fault);
  await expect(call(succeed)).rejects.toMatchObject({ details: { retryAfterMs: 1000 } });
});

test("one probe at a time: the others wait for its outcome, as many as may", async () => {
  const { clock, call, trip } = smallBreaker({ waitersMax: 2 });
  await trip();
  await clock.advance(1000);
  const { promise, resolve } = Promise.withResolvers<string>();
  let calls = 0;
  const counted: Operation<string> = () => {
    calls += 1;
    return "fine";
  };
  const probe = call(() => promise);
  const waiting = [call(counted), call(counted)];
  await expect(call(counted)).rejects.toMatchObject({ code: "ONCE_CIRCUIT_OPEN", details: { retryAfterMs: 500 } });
  expect(calls).toBe(0);
  resolve("probed");
  expect(await probe).toBe("probed");
  expect(await Promise.all(waiting)).toEqual(["fine", "fine"]);
});

test("those who wait are refused when the probe fails", async () => {
  const { clock, call, trip } = smallBreaker();
  await trip();
  await clock.advance(1000);
  const { promise, reject } = Promise.withResolvers<string>();
  const probe = call(() => promise);
  const waiting = call(() => expect.fail("was called"));
  reject(fault);
  await expect(probe).rejects.toBe(fault);
  await expect(waiting).rejects.toEqual(open);
});

test("a probe that hangs is cut, and has failed", async () => {
  const { clock, call, trip } = smallBreaker();
  await trip();
  await clock.advance(1000);
  const probe = rejects(call(never), expect.objectContaining({ code: "ONCE_ATTEMPT_TIMEOUT" }));
  await clock.advance(500);
  await probe;
  await expect(call(succeed)).rejects.toMatchObject({ details: { retryAfterMs: 1000 } });
  expect(clock.pending).toBe(0);
});

test("a probe that its caller aborts decides nothing: a waiting call is the next probe", async () => {
  const { clock, call, trip } = smallBreaker();
  await trip();
  await clock.advance(1000);
  const controller = new AbortController();
  const probe = rejects(call(never, controller.signal), "enough");
  const waiting = [call(succeed), call(succeed)];
  controller.abort("enough");
  await probe;
  expect(await Promise.all(waiting)).toEqual(["fine", "fine"]);
});

test("one who waits can abort, and leaves nothing behind", async () => {
  const { clock, call, trip } = smallBreaker({ waitersMax: 1 });
  await trip();
  await clock.advance(1000);
  const probe = Promise.withResolvers<string>();
  const probing = call(() => probe.promise);
  const controller = new AbortController();
  const aborted = rejects(call(succeed, controller.signal), "enough");
  controller.abort("enough");
  await aborted;
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  const other = call(succeed);
  probe.resolve("probed");
  expect(await Promise.all([probing, other])).toEqual(["probed", "fine"]);
});

test("aborts, and calls held back further in, are not counted", async () => {
  const { call } = smallBreaker();
  const full = concurrencyLimit({ runningMax: 1, queueMax: 0 });
  void run(full(never)).catch(() => undefined);
  for (let time = 0; time < 10; time += 1) {
    await expect(call(full(succeed))).rejects.toMatchObject({ code: "ONCE_QUEUE_FULL" });
    const controller = new AbortController();
    const aborted = rejects(call(never, controller.signal), "enough");
    controller.abort("enough");
    await aborted;
  }
  expect(await call(succeed)).toBe("fine");
});

test("an attempt that its time-out cuts is counted, though the operation ignores its signal", async () => {
  const clock = fakeClock();
  const breaker = circuitBreaker({ clock, callsMin: 2 });
  const call = retry(breaker(never), { clock, attemptsMax: 2, attemptTimeoutMs: 100, backoff: () => 0 });
  const ended = rejects(
    call,
    expect.objectContaining({
      code: "ONCE_ATTEMPTS_EXHAUSTED",
      cause: expect.objectContaining({ code: "ONCE_ATTEMPT_TIMEOUT" }),
    }),
  );
  await clock.advance(1000);
  await ended;
  await expect(run(breaker(succeed))).rejects.toEqual(open);
});

test("the late outcome of a call that began before it opened changes nothing", async () => {
  const { clock, call, trip } = smallBreaker();
  const late = Promise.withResolvers<never>();
  const calls = Array.from({ length: 4 }, () => expect(call(() => late.promise)).rejects.toBe(fault));
  await trip();
  await clock.advance(1000);
  expect(await call(succeed)).toBe("fine");
  late.reject(fault);
  await Promise.all(calls);
  expect(await call(succeed)).toBe("fine");
});

test("an answer of a server in trouble counts as a failure; what else counts can be said", async () => {
  const answer = (status: number): Operation<Response> => {
    return () => new Response(null, { status });
  };
  const { call } = smallBreaker();
  for (const status of [500, 429, 503, 504]) expect((await call(answer(status))).status).toBe(status);
  await expect(call(answer(200))).rejects.toEqual(open);

  const tolerant = smallBreaker();
  for (let time = 0; time < 10; time += 1) await tolerant.call(answer(404));

  const strict = smallBreaker({ isFailure: (outcome: object) => "value" in outcome && outcome.value === "poor" });
  for (let time = 0; time < 4; time += 1) await strict.call(() => "poor");
  await expect(strict.call(succeed)).rejects.toEqual(open);
});

test("a retry outside it waits until a probe may go through", async () => {
  const clock = fakeClock();
  const breaker = circuitBreaker({ clock, callsMin: 1, openMs: 3000 });
  const starts: number[] = [];
  const operation = compose(breaker)(({ number }) => {
    starts.push(clock.monotonic());
    return number === 1 ? fail({} as never) : number;
  });
  const call = retry(operation, { clock, backoff: () => 1 });
  await clock.advance(10_000);
  expect(await call).toBe(3);
  expect(starts[1]).toBeGreaterThanOrEqual(3000);
  expect(starts).toHaveLength(2);
});

test("jumps of the wall clock change the date in the error and nothing else", async () => {
  const inner = fakeClock();
  let jumpMs = 0;
  const clock = { ...inner, now: () => inner.now() + jumpMs };
  const breaker = circuitBreaker({ clock, callsMin: 1, openMs: 1000 });
  await expect(run(breaker(fail))).rejects.toBe(fault);
  jumpMs = 86_400_000;
  await expect(run(breaker(succeed))).rejects.toMatchObject({ details: { retryAfterMs: 1000, retryAt: 86_401_000 } });
  await inner.advance(1000);
  jumpMs = -86_400_000;
  expect(await run(breaker(succeed))).toBe("fine");
});

test.each([
  { failureRatio: 0 },
  { failureRatio: 1.1 },
  { callsMin: 0 },
  { window: { calls: 0 } },
  { window: { calls: 5 }, callsMin: 6 },
  { window: { lengthMs: 0 } },
  { openMs: 0 },
  { probeTimeoutMs: 0 },
  { waitersMax: -1 },
])("%o is refused", (options) => {
  expect(() => circuitBreaker(options)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});

test("a predicate that throws counts as a failure, and leaves neither a probe nor a call hanging", async () => {
  const failed = (outcome: object): boolean => (outcome as { error: { response: { ok: boolean } } }).error.response.ok;
  const clock = fakeClock();
  const breaker = circuitBreaker({ clock, callsMin: 1, openMs: 1000, isFailure: failed });
  await expect(run(breaker(fail))).rejects.toBe(fault);
  for (let probe = 0; probe < 3; probe += 1) {
    await clock.advance(1000);
    await expect(run(breaker(fail))).rejects.toBe(fault);
    await expect(run(breaker(succeed))).rejects.toEqual(open);
  }
});

test("a probe that can't be judged is no probe: its call is refused, and the next one is the probe", async () => {
  let isAsync = false;
  const isFailure = (outcome: object): boolean => (isAsync ? (Promise.resolve(false) as never) : "error" in outcome);
  const { clock, call, trip } = smallBreaker({ isFailure });
  await trip();
  await clock.advance(1000);
  isAsync = true;
  await expect(call(succeed)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  isAsync = false;
  expect([await call(succeed), await call(succeed)]).toEqual(["fine", "fine"]);
});

test("a time-out of the caller's own signal counts against the server, and a change of mind does not", async () => {
  for (const [name, isOpen] of [
    ["TimeoutError", true],
    ["AbortError", false],
  ] as const) {
    const breaker = circuitBreaker({ callsMin: 1 });
    const controller = new AbortController();
    const never = (): Promise<never> => new Promise(() => undefined);
    const call = run(breaker(never), controller.signal);
    const ended = rejects(call, expect.objectContaining({ name }));
    controller.abort(new DOMException("ended", name));
    await ended;
    const next = run(breaker(succeed));
    if (isOpen) await expect(next).rejects.toEqual(open);
    else expect(await next).toBe("fine");
  }
});

test("an aborted call is no success either: it is not counted at all", async () => {
  const clock = fakeClock();
  const breaker = circuitBreaker({ clock, callsMin: 2, failureRatio: 1, window: { calls: 2 } });
  await expect(run(breaker(fail))).rejects.toBe(fault);
  const controller = new AbortController();
  const aborted = run(
    breaker(() => new Promise(() => undefined)),
    controller.signal,
  );
  const ended = rejects(aborted, "enough");
  controller.abort("enough");
  await ended;
  await expect(run(breaker(fail))).rejects.toBe(fault);
  await expect(run(breaker(succeed))).rejects.toEqual(open);
});

test("by default it opens on ten calls of a large window, and on all of a small one", async () => {
  for (const [calls, needed] of [
    [100, 10],
    [4, 4],
  ] as const) {
    const breaker = circuitBreaker({ window: { calls } });
    for (let call = 0; call < needed; call += 1) await expect(run(breaker(fail))).rejects.toBe(fault);
    await expect(run(breaker(succeed))).rejects.toEqual(open);
  }
});

test.each([{ window: { calls: 2.5 } }, { callsMin: 1.5 }, { waitersMax: 1.5 }])("%o is no whole number", (options) => {
  expect(() => circuitBreaker(options)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});

describe("by hand", () => {
  const refused = { code: "ONCE_CIRCUIT_OPEN", details: { isolated: true } };

  test("its state can be read, and a listener is called at each change", async () => {
    const clock = fakeClock();
    const events: unknown[] = [];
    const onEvent = (event: unknown): void => {
      events.push(event);
      throw new Error("is dropped");
    };
    const breaker = circuitBreaker({ clock, callsMin: 1, openMs: 1000, onEvent });
    const failing = breaker(() => Promise.reject(new Error("down")));
    expect(breaker.state).toBe("closed");
    await run(failing).catch(() => undefined);
    expect(breaker.state).toBe("open");
    await clock.advance(1000);
    expect(breaker.state).toBe("half-open");
    await run(failing).catch(() => undefined);
    await clock.advance(1000);
    expect(await run(breaker(() => "up"))).toBe("up");
    expect(breaker.state).toBe("closed");
    expect(events).toEqual([
      { type: "opened", why: "failures", openMs: 1000 },
      { type: "half-opened" },
      { type: "opened", why: "probe", openMs: 1000 },
      { type: "half-opened" },
      { type: "closed" },
    ]);
  });

  test("an isolated one refuses every call until it is released, whatever the calls under way come to", async () => {
    const clock = fakeClock();
    const breaker = circuitBreaker({ clock, callsMin: 1, openMs: 1000 });
    const under = Promise.withResolvers<string>();
    const running = run(breaker(() => under.promise));
    breaker.isolate();
    breaker.isolate();
    expect(breaker.state).toBe("isolated");
    await expect(run(breaker(() => expect.fail("was called")))).rejects.toMatchObject(refused);
    under.reject(new Error("down"));
    await expect(running).rejects.toThrow("down");
    await clock.advance(10_000);
    await expect(run(breaker(() => expect.fail("was called")))).rejects.toMatchObject(refused);
    breaker.release();
    expect(breaker.state).toBe("closed");
    expect(await run(breaker(() => "up"))).toBe("up");
    breaker.release();
    expect(breaker.state).toBe("closed");
  });

  test("a probe that ends after an isolation decides nothing, and those who waited for it are refused", async () => {
    const clock = fakeClock();
    const breaker = circuitBreaker({ clock, callsMin: 1, openMs: 1000 });
    await run(breaker(() => Promise.reject(new Error("down")))).catch(() => undefined);
    await clock.advance(1000);
    const probe = Promise.withResolvers<string>();
    const probing = run(breaker(() => probe.promise));
    const waiting = run(breaker(() => expect.fail("was called")));
    breaker.isolate();
    await expect(waiting).rejects.toMatchObject(refused);
    probe.resolve("up");
    expect(await probing).toBe("up");
    expect(breaker.state).toBe("isolated");
    breaker.release();
    expect(breaker.state).toBe("closed");
  });
});

test("a probe that throws a revoked proxy ends, and the calls that wait for it with it", async () => {
  const clock = fakeClock();
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const breaker = circuitBreaker({ clock, window: { calls: 1 }, openMs: 1000 });
  const failing = (): Promise<never> => Promise.reject(proxy);
  await expect(run(breaker(failing)) as Promise<unknown>).rejects.toBe(proxy);
  await clock.advance(1000);
  const calls = await Promise.allSettled([run(breaker(failing)), run(breaker(() => "second"))]);
  expect(calls.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(breaker.state).toBe("open");
});
