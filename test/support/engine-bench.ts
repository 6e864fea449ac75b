import { bytesCodec, type Work } from "../../packages/once-again/src/engine/engine.ts";
import type { ServerEvent } from "../../packages/once-again/src/engine/server-event.ts";
import { leasedEngine } from "../../packages/once-again/src/engine/leased-engine.ts";
import type { EngineOptions } from "../../packages/once-again/src/engine/options.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { type FakeClock, fakeClock } from "../../packages/testing/src/fake-clock.ts";
import { type FaultyStore, faultyStore } from "./faulty-store.ts";

export const operation = { scope: "acme", key: "order-7", fingerprint: "f", codec: bytesCodec };
export const leaseMs = 1000;
export const first = Uint8Array.of(1, 2, 3);

/** Work that is done at once, or waits to be let go on; it counts its runs. */
export interface Job {
  runs: number;
  readonly work: Work<undefined>;
}

/** An outcome without its bytes: most tests need no more. */
export type Kind = string;

export interface Bench {
  clock: FakeClock;
  store: FaultyStore;
  /** All but `received`. */
  events: ServerEvent[];
  /** Runs the operation in one of any number of processes on the store. */
  run(work: Work<undefined>, process?: string, request?: Partial<typeof operation>): Promise<Kind>;
  close(process?: string): Promise<void>;
}

/** Engines on one memory store, with its faults, on a clock that stands still: a repeat waits only where a test says so. */
export function engineBench(options: EngineOptions = {}): Bench {
  const clock = fakeClock(1_700_000_000_000);
  const store = faultyStore(memoryStore({ clock }));
  const events: ServerEvent[] = [];
  const open = () =>
    leasedEngine(store, {
      clock,
      leaseMs,
      acknowledgeDuplicates: true,
      waitMs: 0,
      onEvent: (event) => event.type !== "received" && events.push(event),
      ...options,
    });
  const engines = new Map<string, ReturnType<typeof open>>();
  const engineOf = (process: string): ReturnType<typeof open> => {
    const engine = engines.get(process) ?? open();
    engines.set(process, engine);
    return engine;
  };
  return {
    clock,
    store,
    events,
    run: async (work, process = "one", request = {}) => {
      const outcome = await engineOf(process).run({ ...operation, ...request }, work);
      return "result" in outcome ? `${outcome.kind} ${outcome.result.join()}` : outcome.kind;
    },
    close: (process = "one") => engineOf(process).close(),
  };
}

/** Work that ends with the given result, after `until` if given. */
export function job(ended: Partial<Awaited<ReturnType<Work<undefined>>>> = {}, until?: Promise<void>): Job {
  const job: Job = {
    runs: 0,
    work: async () => {
      job.runs += 1;
      await until;
      return { effect: "done", result: first, ...ended };
    },
  };
  return job;
}

/** The code that a promise rejects with. */
export const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => `resolved with ${String(value)}`,
    (error: unknown) => (error as { code?: unknown }).code ?? error,
  );
