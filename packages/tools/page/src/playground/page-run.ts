import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { keyHeaderName } from "once-again/key";
import { callerNames, type CallerName } from "../../../src/lab/caller-name.ts";
import { carelessCaller } from "../../../src/lab/careless-caller.ts";
import type { LiveRunParts, StartRun } from "../../../src/lab/live/live-lab.ts";
import { liveFault } from "../../../src/lab/live/live-plan.ts";
import type { ExchangeNews, ProcessView } from "../../../src/lab/live/live-protocol.ts";
import { liveProcess } from "../../../src/lab/live/live-process.ts";
import { safeCaller } from "../../../src/lab/safe-caller.ts";
import { sendAll } from "../../../src/lab/send-all.ts";
import { orderHeader } from "../../../src/lab/send-order.ts";
import { type PageApi, pageApi } from "./page-api.ts";

const url = "https://shop.example/orders";

/** Losses end in a broken connection here, so no caller has to wait for a time-out, milliseconds. */
const attemptTimeoutMs = 300_000;

/** A run of the lab in this page: the library's engine and callers, and a network that does what the switches say. */
export const startPageRun: StartRun = async (parts) => {
  const { orders, concurrency, book, onChange } = parts;
  const stop = new AbortController();
  const { signal } = stop;
  let death = Promise.withResolvers<never>();
  death.promise.catch(() => undefined);
  const api = pageApi({ clock: systemClock, effect: "row", leaseMs: 30_000 });
  const callers = { careless: carelessCaller, safe: safeCaller };
  const isDone: Record<CallerName, boolean> = { careless: false, safe: false };

  const work = async (name: CallerName): Promise<void> => {
    const fetch = pageNetwork(name, { ...parts, api, signal, died: () => death.promise });
    const send = callers[name]({ url, fetch, attemptTimeoutMs, onWait: () => undefined });
    const onSettled: Parameters<typeof sendAll>[0]["onSettled"] = ({ id }, outcome) => {
      book.settle(name, id, outcome);
      onChange();
    };
    await sendAll({ orders, concurrency, send, signal, onSettled });
    isDone[name] = true;
  };
  const server = liveProcess({
    process: {
      get pid() {
        return api.process.life;
      },
      async crash(whileDead) {
        api.die();
        death.reject(new TypeError("The connection broke."));
        death = Promise.withResolvers<never>();
        death.promise.catch(() => undefined);
        await whileDead();
        api.start();
      },
    },
    isOver: () => false,
    stop,
    onChange,
  });
  const callerView = (name: CallerName): ProcessView => ({ pid: 1, state: isDone[name] ? "done" : "alive", kills: 0 });
  let rows = 0;
  const done = Promise.all(callerNames.map(work)).then(() => undefined);
  // The stage reads it; a run that is given up ends in its own abort.
  done.catch(() => undefined);
  await Promise.race([parts.gate.reached, done]);
  return {
    keys: api.database.keys,
    get processes() {
      return { api: server.view, careless: callerView("careless"), safe: callerView("safe") };
    },
    done,
    readLedger() {
      for (const row of api.database.charges.slice(rows)) book.charge({ id: (rows += 1), ...row });
    },
    async kill(name) {
      if (name === "api") await server.kill();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done.catch(() => undefined);
    },
  };
};

interface NetworkParts extends LiveRunParts {
  readonly api: PageApi;
  readonly signal: AbortSignal;
  /** Rejects when the server's process of now dies. */
  readonly died: () => Promise<never>;
}

/** The way of one caller's requests. Each waits at the gate, and meets the faults that are switched on when it goes. */
function pageNetwork(caller: CallerName, parts: NetworkParts): typeof globalThis.fetch {
  const { api, book, died, gate, onChange, settings, signal } = parts;
  let exchanges = 0;
  return async (input, init) => {
    const request = new Request(input, init);
    const index = (exchanges += 1);
    const report = (news: ExchangeNews): void => {
      book.hear(caller, index, news);
      onChange();
    };
    const orderId = decodeURIComponent(request.headers.get(orderHeader) ?? "");
    const view = book.begin(caller, index, orderId, request.headers.get(keyHeaderName) ?? undefined);
    onChange();
    await gate.pass(caller);
    signal.throwIfAborted();
    const { scenario, requestDelayMs = 0, answerDelayMs = 0 } = liveFault(settings(), orderId, view.attempt);
    book.send(view, { scenario, requestDelayMs, answerDelayMs });
    onChange();
    await sleep(systemClock, requestDelayMs, signal);
    /** The rest of the way: what the caller gets, a moment later. */
    const back = async (response: Response | undefined): Promise<Response> => {
      await sleep(systemClock, answerDelayMs, signal);
      report({ type: "heard" });
      if (response === undefined) throw new TypeError("The connection broke.");
      return response;
    };
    if (scenario === "lose-request") {
      report({ type: "lost" });
      return back(undefined);
    }
    if (scenario === "fail") {
      report({ type: "failed" });
      return back(Response.json({ problem: "Try again." }, { status: 503 }));
    }
    const isDown = !api.process.isAlive;
    const response = isDown ? undefined : await Promise.race([api.serve(request), died()]).catch(() => undefined);
    if (response === undefined) {
      report({ type: "broken" });
      throw new TypeError("The server is down.");
    }
    const isReplayed = response.headers.has("Idempotent-Replayed");
    report({ type: "answered", mark: response.ok ? (isReplayed ? "replay" : "pass") : "refused" });
    return back(scenario === "lose-answer" ? undefined : response);
  };
}
