import { expect, test } from "vitest";
import { exponentialBackoff, OnceAgainError } from "once-again";
import { makeBackoff } from "./policy/policy-parts.ts";
import { presets, simulateStorm, type StormOptions, stormSteps, varyPolicy } from "./index.ts";

const calm: StormOptions = {
  durationMs: 20_000,
  arrivals: { kind: "poisson", perSecond: 50 },
  policy: { budget: { kind: "none" } },
};

test("the same seed gives the same bytes, another seed others", () => {
  const storm = {
    ...calm,
    network: { lossRatio: 0.1 },
    services: [{ serviceTime: "exponential", errorRatio: 0.1 }],
  } as const;
  const bytes = JSON.stringify(simulateStorm({ ...storm, seed: 7 }));
  expect(JSON.stringify(simulateStorm({ ...storm, seed: 7 }))).toBe(bytes);
  expect(JSON.stringify(simulateStorm({ ...storm, seed: 8 }))).not.toBe(bytes);
});

test("step by step has the same result as at once, and a result survives JSON", () => {
  const steps = stormSteps(presets["thundering-herd"].storms[0]);
  const shares: number[] = [];
  let step = steps.next();
  for (; !step.done; step = steps.next()) shares.push(step.value.share);
  expect(step.value).toEqual(simulateStorm(presets["thundering-herd"].storms[0]));
  expect(JSON.parse(JSON.stringify(step.value))).toEqual(step.value);
  expect(shares.length).toBeGreaterThan(2);
  expect(shares.every((share, index) => share >= (shares[index - 1] ?? 0) && share <= 1)).toBe(true);
});

test("without faults every call succeeds at once, and takes two messages and its service", () => {
  const { amplification, attempts, calls, latency, recovery, services, wastedRatio } = simulateStorm({
    durationMs: 60_000,
    arrivals: { kind: "at-once", callers: 100, withinMs: 10_000 },
    network: { delayMs: 5, spreadMs: 0 },
    services: [{ workers: 100, serviceMs: 10 }],
  });
  expect({ amplification, attempts: attempts.begun, retries: attempts.retries, ...calls, wastedRatio }).toMatchObject({
    amplification: 1,
    attempts: 100,
    begun: 100,
    retries: 0,
    succeeded: 100,
    failed: 0,
    wastedRatio: 0,
  });
  expect(latency.maxMs).toBeCloseTo(20, 6);
  expect(services).toMatchObject([{ arrived: 100, served: 100, queuePeak: 0 }]);
  expect(recovery.verdict).toBe("drained");
});

test.each([
  [5, 3, 243],
  [3, 4, 64],
])("%i layers of %i attempts make %i requests of one call", (layers, attemptsMax, requests) => {
  const { amplification, attempts } = simulateStorm({
    durationMs: 600_000,
    arrivals: { kind: "at-once", callers: 10 },
    services: Array.from({ length: layers }, () => ({ workers: 1000, serviceMs: 0 })),
    outages: [{ fromMs: 0, toMs: 600_000 }],
    policy: {
      attemptsMax,
      attemptTimeoutMs: 600_000,
      budget: { kind: "none" },
      backoff: { kind: "constant", delayMs: 10 },
    },
  });
  expect(amplification).toBe(requests);
  expect(attempts.begun).toBe(10 * attemptsMax);
});

test("every attempt is counted once, whatever became of it, and nothing is left behind", () => {
  for (const policy of ["as-is", "breaker", "throttle", "limit", "hedge", "breaker+throttle+limit+hedge+aws-budget"]) {
    const { attempts, calls, services } = simulateStorm({
      durationMs: 600_000,
      arrivals: { kind: "at-once", callers: 3000, withinMs: 5000 },
      network: { delayMs: 20, spreadMs: 10, lossRatio: 0.05 },
      services: [{ workers: 2, serviceMs: 4, queueMax: 200, queueTimeoutMs: 300, retryAfterMs: 500, errorRatio: 0.05 }],
      outages: [{ fromMs: 2000, toMs: 3000 }],
      policy: varyPolicy({ attemptsMax: 6, backoff: { kind: "exponential", baseMs: 200 } }, policy),
    });
    const { erred, heldBack, refused, shed, timedOut } = attempts;
    const held = heldBack.circuitBreaker + heldBack.throttle + heldBack.queueFull;
    expect(attempts.begun, policy).toBe(calls.succeeded + erred + refused + shed + timedOut + held);
    expect(calls.begun, policy).toBe(3000);
    expect(calls.succeeded + calls.failed, policy).toBe(3000);
    expect(attempts.begun - attempts.retries, policy).toBe(3000);
    const [service] = services as [(typeof services)[number]];
    expect(service.arrived, policy).toBe(service.served + service.refused + service.shed);
  }
});

test("each layer does in the simulation what it is for", () => {
  const down: StormOptions = {
    durationMs: 60_000,
    arrivals: { kind: "poisson", perSecond: 50 },
    outages: [{ fromMs: 10_000, toMs: 40_000 }],
    policy: { budget: { kind: "none" } },
  };
  const requests = (name: string) => simulateStorm({ ...down, policy: varyPolicy(down.policy ?? {}, name) });
  const plain = requests("as-is");
  const broken = requests("breaker");
  const throttled = requests("throttle");
  expect(broken.services[0]!.arrived).toBeLessThan(plain.services[0]!.arrived / 2);
  expect(broken.attempts.heldBack.circuitBreaker).toBeGreaterThan(1000);
  expect(throttled.services[0]!.arrived).toBeLessThan(plain.services[0]!.arrived);
  expect(throttled.attempts.heldBack.throttle).toBeGreaterThan(100);

  const slow: StormOptions = { ...calm, services: [{ workers: 50, serviceTime: "exponential", serviceMs: 200 }] };
  const hedged = simulateStorm({ ...slow, policy: varyPolicy(calm.policy ?? {}, "hedge") });
  expect(hedged.attempts.hedges).toBeGreaterThan(20);
  expect(hedged.latency.p99Ms!).toBeLessThan(simulateStorm(slow).latency.p99Ms!);

  const limited = simulateStorm({ ...slow, policy: { concurrencyLimit: { runningMax: 3, queueMax: 5 } } });
  expect(limited.attempts.heldBack.queueFull).toBeGreaterThan(100);
});

test("a budget of each process, and callers who come again", () => {
  const storm: StormOptions = {
    durationMs: 60_000,
    arrivals: { kind: "closed", callers: 200, thinkMs: 1000 },
    services: [{ workers: 10, serviceMs: 10 }],
    outages: [{ fromMs: 20_000, toMs: 30_000 }],
    policy: { attemptsMax: 3, backoff: { kind: "constant", delayMs: 100 } },
  };
  const one = simulateStorm(storm);
  expect(one.recovery).toMatchObject({ verdict: "recovered" });
  expect(one.calls.begun).toBeGreaterThan(5000);
  expect(one.herd.callers).toBe(200);
  // Each of a hundred budgets starts full, so together they pay for far more.
  expect(simulateStorm({ ...storm, processes: 100 }).attempts.retries).toBeGreaterThan(2 * one.attempts.retries);
});

test("a service that sheds is asked again after its Retry-After, and not before", () => {
  const storm: StormOptions = {
    arrivals: { kind: "at-once", callers: 100 },
    network: { delayMs: 5, spreadMs: 0 },
    services: [{ serviceMs: 0, retryAfterMs: 3000 }],
    outages: [{ fromMs: 0, toMs: 2000, kind: "shed" }],
  };
  const { attempts, herd, services } = simulateStorm(storm);
  expect(attempts).toMatchObject({ begun: 200, shed: 100, refused: 0 });
  expect(services).toMatchObject([{ shed: 100, served: 100 }]);
  expect(Math.min(...herd.atMs.filter((_, dot) => herd.attempt[dot] === 2))).toBeGreaterThanOrEqual(3010);
});

/** After how many milliseconds the callers of a herd send their second attempts. */
function secondAttempts(storm: StormOptions): readonly number[] {
  const { herd } = simulateStorm(storm);
  return herd.atMs.filter((_, dot) => herd.attempt[dot] === 2);
}

test("a spread Retry-After brings a herd back after 1, 2 and 3 s, and after longer while an outage lasts", () => {
  const herd = (retryAfter: "constant" | "spread", outageMs: number): StormOptions => ({
    arrivals: { kind: "at-once", callers: 300 },
    network: { delayMs: 0, spreadMs: 0 },
    policy: { attemptsMax: 1000, backoff: { kind: "constant", delayMs: 0 }, budget: { kind: "none" } },
    services: [{ serviceMs: 0, retryAfterMs: 1000, retryAfter }],
    outages: [{ fromMs: 0, toMs: outageMs, kind: "shed" }],
  });
  expect(new Set(secondAttempts(herd("constant", 500)))).toEqual(new Set([1000]));
  expect(new Set(secondAttempts(herd("spread", 500)))).toEqual(new Set([1000, 2000, 3000]));
  const attempts = (retryAfter: "constant" | "spread") => simulateStorm(herd(retryAfter, 60_000)).attempts.begun / 300;
  expect(attempts("constant")).toBe(61);
  expect(attempts("spread")).toBeLessThan(10);
});

test("a 503 with Retry-After costs a budget what the client charges for it", () => {
  const retries = (retryAfterMs?: number): number =>
    simulateStorm({
      arrivals: { kind: "at-once", callers: 1000 },
      services: [{ serviceMs: 0, ...(retryAfterMs !== undefined && { retryAfterMs }) }],
      outages: [{ fromMs: 0, toMs: 60_000, kind: "shed" }],
      policy: { attemptsMax: 2, budget: { kind: "aws" } },
    }).attempts.retries;
  expect([retries(), retries(1000)]).toEqual([35, 100]);
});

test("a storm of retries outlives its outage; with a budget that successes fund it does not", () => {
  const verdicts = presets["retry-storm"].storms.map((storm) => simulateStorm(storm).recovery.verdict);
  expect(verdicts).toEqual(["metastable", "metastable", "recovered", "recovered"]);
});

test("a service that is still working off its queue when the time is over is not called metastable", () => {
  const storm = (durationMs: number, attemptsMax: number): string => {
    const policy = { attemptsMax, attemptTimeoutMs: 1000, budget: { kind: "none" } } as const;
    const arrivals = { kind: "poisson", perSecond: 280 } as const;
    return simulateStorm({ ...presets["retry-storm"].storms[0]!, arrivals, durationMs, policy }).recovery.verdict;
  };
  expect(storm(120_000, 1)).toBe("draining");
  expect(storm(300_000, 1)).toBe("recovered");
  expect(storm(120_000, 3)).toBe("metastable");
});

test("jitter ends the herd, and the default ends it best", () => {
  const [none, full, equal] = presets["thundering-herd"].storms.map((storm) => simulateStorm(storm));
  expect(full!.calls.succeeded).toBeGreaterThan(0.99 * full!.calls.begun);
  expect(equal!.calls.failed).toBe(0);
  expect(equal!.amplification).toBeLessThan(full!.amplification);
  expect(full!.recovery.afterMs! - equal!.recovery.afterMs!).toBeGreaterThan(10_000);
  expect(none!.calls.succeeded).toBeLessThan(0.7 * none!.calls.begun);
  expect(none!.herd.callers).toBe(1000);
  expect(none!.herd.atMs.length).toBe(none!.herd.caller.length);
});

test("only callers who retry, and have a budget, leave a service that refuses everything in peace", () => {
  const requests = presets["layered-retries"].storms.map((storm) => simulateStorm(storm).amplification);
  expect(requests).toEqual([243, 64, 3, 2]);
});

test("each preset recommends one of its policies, with a budget", () => {
  for (const { recommended, storms } of Object.values(presets)) {
    const { policy } = storms.find(({ policy }) => policy.name === recommended)!;
    expect(simulateStorm({ durationMs: 1000, policy }).settings.policy.budget.kind).toBe("success");
  }
});

test("a policy that says nothing waits as `retry` does by default", () => {
  const { backoff } = simulateStorm({ durationMs: 1000 }).settings.policy;
  expect(backoff).toEqual({ kind: "exponential", jitter: "equal" });
  const context = { retry: 3, previousDelayMs: 0, random: () => 0.25 };
  expect(makeBackoff(backoff)(context)).toBe(exponentialBackoff()(context));
  expect(exponentialBackoff()(context)).toBe(2500);
});

test.each<[string, unknown]>([
  ["durationMs", { durationMs: 1 }],
  ["arrivals.kind", { arrivals: { kind: "sometimes" } }],
  ["arrivals.callers", { arrivals: { kind: "at-once", callers: 1_000_001 } }],
  ["backoff.kind", { policy: { backoff: { kind: "random" } } }],
  ["baseMs", { policy: { backoff: { kind: "exponential", baseMs: 0 } } }],
  ["ratio", { policy: { backoff: { kind: "exponential", jitter: "bounded", jitterRatio: 2 } } }],
  ["budget.kind", { policy: { budget: { kind: "generous" } } }],
  ["capacity", { policy: { budget: { kind: "success", capacity: 1 } } }],
  ["failureRatio", { policy: { circuitBreaker: { failureRatio: 2 } } }],
  ["hedgesMax", { policy: { hedge: { delayMs: 1, hedgesMax: 100 } } }],
  ["services.length", { services: [] }],
  ["workers", { services: [{ workers: 0.5 }] }],
  [
    "outages",
    {
      outages: [
        { fromMs: 0, toMs: 9 },
        { fromMs: 5, toMs: 10 },
      ],
    },
  ],
  ["outages.toMs", { outages: [{ fromMs: 9, toMs: 5 }] }],
  ["stepMs", { durationMs: 86_400_000, stepMs: 10 }],
  ["name", { policy: { name: "" } }],
])("%s out of bounds is refused", (option, options) => {
  let thrown: unknown;
  try {
    simulateStorm(options as StormOptions);
  } catch (error) {
    thrown = error;
  }
  expect(OnceAgainError.isInstance(thrown, "ONCE_OPTION_INVALID")).toBe(true);
  expect((thrown as OnceAgainError).details).toEqual({ option });
});
