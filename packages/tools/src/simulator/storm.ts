import { checkStorm } from "./check-storm.ts";
import { writePolicyCode } from "./policy/policy-code.ts";
import { judgeRecovery } from "./records/recovery.ts";
import type { StormOptions } from "./storm-options.ts";
import type { StormResult } from "./records/storm-result.ts";
import { StormRun } from "./storm-run.ts";

/** How far a simulation has come. */
export interface StormProgress {
  /** 0 to 1. */
  readonly share: number;
  /** Events simulated so far. */
  readonly events: number;
}

/** So many events are simulated from one step to the next: some ten milliseconds' worth. */
const eventsPerStep = 1 << 15;

/**
 * Simulates a storm: callers who call services over a network, with outages, and call again by the rules of
 * `once-again` itself. The same options give the same result, on every machine.
 *
 * It runs to its end at once. Where something else has to go on meanwhile, use {@link stormSteps}.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function simulateStorm(options: StormOptions = {}, onProgress?: (progress: StormProgress) => void): StormResult {
  const steps = stormSteps(options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    onProgress?.(step.value);
  }
}

/**
 * {@link simulateStorm} step by step: a server or a page does other things in between, or leaves off.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` at the first step, for an option out of bounds.
 */
export function* stormSteps(options: StormOptions = {}): Generator<StormProgress, StormResult, void> {
  const storm = new StormRun(checkStorm(options));
  while (storm.advance(eventsPerStep)) yield { share: storm.share, events: storm.events };
  return readResult(storm);
}

function readResult(storm: StormRun): StormResult {
  const { endMs, events, record, services, settings, openCalls } = storm;
  const { attempts, calls, herd, lastSuccessMs, latency, load, seconds } = record;
  const last = services.at(-1)!.counts;
  return {
    settings,
    name: settings.policy.name,
    code: writePolicyCode(settings.policy),
    endMs,
    events,
    calls,
    attempts,
    amplification: calls.begun === 0 ? 0 : storm.requestsToLast / calls.begun,
    goodputPerSecond: endMs === 0 ? 0 : (calls.succeeded * 1000) / endMs,
    wastedRatio: last.served === 0 ? 0 : last.wasted / last.served,
    latency: latency.latency,
    recovery: judgeRecovery(settings, seconds.until(endMs), { endMs, openCalls, lastSuccessMs }),
    load: load.until(endMs),
    herd: herd.herd,
    services: services.map(({ counts }) => counts),
  };
}
