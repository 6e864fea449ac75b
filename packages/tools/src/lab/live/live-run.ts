import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyHeaderName } from "once-again/key";
import { sqliteStore } from "once-again/stores/sqlite";
import type { Store } from "once-again/stores";
import { type ExchangeEvent, flakyNetwork } from "@once-again/testing";
import { labApi, type LabApi } from "../api.ts";
import { callerNames, type CallerName } from "../caller-name.ts";
import { type KillableCaller, killableCaller } from "../killable-caller.ts";
import { ledgerTail, type LedgerTail } from "../ledger.ts";
import { orderHeader } from "../send-order.ts";
import { type Cleanup, cleanUp } from "./cleanups.ts";
import type { LiveRun, LiveRunParts } from "./live-lab.ts";
import { liveFault } from "./live-plan.ts";
import { type LiveProcess, liveProcess, type LiveProcessParts } from "./live-process.ts";
import type { ExchangeNews, ProcessName } from "./live-protocol.ts";

/**
 * Losses end in a reset here, so this is for who stops a run and goes away, milliseconds. undici itself gives up after as
 * long.
 */
const attemptTimeoutMs = 300_000;

/** Orders of a dead caller are left alone about as long as it is dead; a busy machine has time to renew, milliseconds. */
const leaseMs = 2500;

/** Starts the processes, in a folder that goes with them; settles when each caller has come to the gate. */
export async function startRun(parts: LiveRunParts): Promise<LiveRun> {
  const { orders, concurrency, book, onChange } = parts;
  const cleanups: Cleanup[] = [];
  const stop = new AbortController();
  const { signal } = stop;
  try {
    const folder = await mkdtemp(join(tmpdir(), "once-again-lab-"));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const database = join(folder, "lab.sqlite");
    const api = await labApi(database, (error) => stop.abort(error));
    cleanups.push(() => api[Symbol.asyncDispose]());
    const keys = sqliteStore({ path: database });
    cleanups.push(() => keys.close());
    const ledger = ledgerTail(database);
    cleanups.push(async () => ledger.close());
    const caller = async (name: CallerName): Promise<KillableCaller> => {
      const network = await openNetwork(name, parts, api);
      cleanups.push(() => network.close());
      const url = `${network.url}/orders`;
      const path = join(folder, `${name}-caller`);
      const task = { name, url, orders, concurrency, attemptTimeoutMs, leaseMs, path };
      const onSettled: Parameters<typeof killableCaller>[1]["onSettled"] = (orderId, outcome) => {
        book.settle(name, orderId, outcome);
        onChange();
      };
      return killableCaller(task, { signal, onWait: () => undefined, onSettled });
    };
    const callers = { careless: await caller("careless"), safe: await caller("safe") };
    const run = makeRun({ api, callers, keys, ledger, stop, cleanups }, parts);
    await Promise.race([parts.gate.reached, run.done]);
    return run;
  } catch (error) {
    stop.abort(error);
    await cleanUp(cleanups);
    throw error;
  }
}

/** The network of one caller. Requests wait at its gate, and meet the faults that are switched on when they go. */
function openNetwork(caller: CallerName, { gate, book, settings, onChange }: LiveRunParts, api: LabApi) {
  return flakyNetwork({
    upstream: () => ({ port: api.port }),
    plan: async ({ index, headers }) => {
      const orderId = decodeURIComponent(headers.get(orderHeader.toLowerCase()) ?? "");
      const view = book.begin(caller, index, orderId, headers.get(keyHeaderName.toLowerCase()));
      onChange();
      await gate.pass(caller);
      const fault = liveFault(settings(), orderId, view.attempt);
      book.send(view, fault);
      onChange();
      return fault;
    },
    onEvent: ({ index }, event) => {
      book.hear(caller, index, readNews(event));
      onChange();
    },
  });
}

/** Reads the news of an exchange from the first bytes of an answer: Node sends a head whole. */
export function readNews(event: ExchangeEvent): ExchangeNews {
  if (event.type !== "answered") return event;
  const text = event.bytes.toString("latin1");
  const isError = Number(text.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length)) >= 400;
  const isReplayed = /\r\nidempotent-replayed:/i.test(text);
  return { type: "answered", mark: isError ? "refused" : isReplayed ? "replay" : "pass" };
}

interface Running {
  readonly api: LabApi;
  readonly callers: Readonly<Record<CallerName, KillableCaller>>;
  readonly keys: Store;
  readonly ledger: LedgerTail;
  readonly stop: AbortController;
  readonly cleanups: readonly Cleanup[];
}

function makeRun({ api, callers, keys, ledger, stop, cleanups }: Running, { book, onChange }: LiveRunParts): LiveRun {
  const live = (process: LiveProcessParts["process"], isOver: () => boolean) =>
    liveProcess({ process, isOver, stop, onChange });
  const processes: Readonly<Record<ProcessName, LiveProcess>> = {
    api: live(api, () => false),
    careless: live(callers.careless, () => callers.careless.isOver),
    safe: live(callers.safe, () => callers.safe.isOver),
  };
  const died = new Promise<never>((_, reject) =>
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason as Error), { once: true }),
  );
  const outcomes = callerNames.map((name) => callers[name].outcomes);
  const dispose = async (): Promise<void> => {
    stop.abort();
    // The callers are killed by the signal; nothing is taken away under them.
    await Promise.allSettled(outcomes);
    await cleanUp(cleanups);
  };
  return {
    keys,
    get processes() {
      return { api: processes.api.view, careless: processes.careless.view, safe: processes.safe.view };
    },
    done: Promise.race([Promise.all(outcomes), died]).then(() => undefined),
    readLedger() {
      for (const row of ledger.next()) book.charge(row);
    },
    async kill(name) {
      await processes[name].kill();
    },
    [Symbol.asyncDispose]: dispose,
  };
}
