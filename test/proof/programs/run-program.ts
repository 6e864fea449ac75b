import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { LeasedHttpOptions } from "../../../packages/once-again/src/http/index.ts";
import type { App, AppParts } from "./app-parts.ts";
import { apps } from "./apps.ts";
import { type Exchange, newExchange, type NotedRun } from "./diary.ts";
import type { Ground, Place, Row } from "./ground.ts";
import type { Outcome } from "./judge.ts";
import type { Program } from "./program.ts";
import { type Heard, send } from "./send.ts";

/** How often a request is sent again until its answer is final, and how often after that. */
const repeatsMax = 40;
const repeatsAfter = 2;

/** How long a caller waits when it is asked to come back, milliseconds. */
const comeBackMs = 25;

let programsRun = 0;

/** Runs a program, repeats it under its key until nothing changes any more, and says all that came of it. */
export async function observeProgram(program: Program, place: Place): Promise<Outcome> {
  const name = `${process.pid}-${(programsRun += 1)}`;
  const runs: NotedRun[] = [];
  const exchanges = new Map<string, Exchange>();
  const uncaught: string[] = [];
  const hear = (error: unknown): void => void uncaught.push(String(error));
  hearUncaught(hear);
  const grounds = place.grounds(name);
  const begin: AppParts["begin"] = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const noted: NotedRun = { run: runs.length + 1, effects: [], takesBack: false, ended: promise };
    runs.push(noted);
    return { noted, end: resolve };
  };
  const appOn = (ground: Ground): Promise<App> =>
    apps[program.framework]({
      program,
      ground,
      options: optionsOf(ground, () => place.rows(name)),
      exchangeOf: (id) => exchanges.get(id)!,
      begin,
    });
  const processes = await Promise.all(grounds.map(async (ground) => listen(await appOn(ground))));

  const sendTo = (process: number): Promise<Heard> => {
    const exchange = newExchange(`${exchanges.size + 1}`);
    exchanges.set(exchange.id, exchange);
    return send(processes[process % program.processes]!.url, name, exchange);
  };
  try {
    const first = sendTo(0);
    const together = program.duplicate ? [first, sendTo(1)] : [first];
    const heard = await Promise.all(together);
    if (!program.impatient) await allEnded(runs);
    for (let repeat = 1, final = 0; repeat <= repeatsMax && final < repeatsAfter; repeat += 1) {
      const answer = await sendTo(repeat);
      if (!program.impatient) await allEnded(runs);
      heard.push(answer);
      if (answer === "hang") break;
      if (isFinal(answer)) final += 1;
      else await sleep(comeBackMs);
    }
    await allEnded(runs);
    await Promise.all(processes.map(({ app }) => app.close()));
    // An effect that was not awaited may still be on its way.
    await sleep(comeBackMs);
    return { program, mode: grounds[0].rules.mode, heard, runs, rows: await place.rows(name), uncaught };
  } finally {
    for (const { server } of processes) server.close().closeAllConnections();
    stopHearing(hear);
  }
}

/** The listeners of the programs that run now: an uncaught error does not say which of them caused it. */
const hearing = new Set<(error: unknown) => void>();

function notifyAll(error: unknown): void {
  for (const hear of hearing) hear(error);
}

function hearUncaught(hear: (error: unknown) => void): void {
  if (hearing.size === 0) process.on("unhandledRejection", notifyAll).on("uncaughtException", notifyAll);
  hearing.add(hear);
}

/** Where no program runs, an uncaught error ends the process, as ever. */
function stopHearing(hear: (error: unknown) => void): void {
  hearing.delete(hear);
  if (hearing.size === 0) process.off("unhandledRejection", notifyAll).off("uncaughtException", notifyAll);
}

/** An answer after which a caller does not come again. */
const isFinal = (answer: Heard): boolean =>
  typeof answer === "object" && answer.code !== "ONCE_IN_PROGRESS" && answer.status !== 503;

const allEnded = async (runs: readonly NotedRun[]): Promise<void> => {
  for (let known = 0; known < runs.length;) {
    known = runs.length;
    await Promise.all(runs.map(({ ended }) => ended));
  }
};

function optionsOf({ rules }: Ground, rows: () => Promise<readonly Row[]>): LeasedHttpOptions<never> {
  const common = {
    store: rules.store,
    scope: "public",
    onError: () => undefined,
    limits: { handlerMsMax: 10_000 },
  } as const;
  if (rules.mode === "transactional") return { ...common, mode: "transactional" } as never;
  if (rules.onUnknown === "hold") return { ...common, onUnknown: "hold" };
  return {
    ...common,
    leaseMs: 150,
    onUnknown: {
      action: async () =>
        (await rows()).length > 0 ? { found: { status: 200, body: "found" } } : { absent: "quiesced" },
      quiesceMs: 50,
    },
  };
}

async function listen(app: App): Promise<{ app: App; server: Server; url: string }> {
  const server = createServer(app.listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { app, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}
