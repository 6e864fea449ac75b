/**
 * An API server in a separate process, so that it can be killed. Its argument is JSON: see `ApiTask`. It notes each step in
 * its diary before it goes on.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { seededRandom, uniform } from "../../../packages/once-again/src/core/random.ts";
import type { Call, Reply, RouteRules } from "../../frameworks/route.ts";
import { engineOf } from "./engine-of.ts";
import { type ApiEntry, append, type Mode, type ChildEvent } from "./evidence.ts";
import { obeyFaultPlans } from "./process-faults.ts";
import { tracedEffect, tracedStore, tracedTransactions, tracer } from "../trace/trace-step.ts";
import { type FrameworkName, frameworkOf } from "./frameworks.ts";
import { trueTime } from "./moved-clock.ts";
import { type Note, recordingStore, recordingTransactions } from "./recording-store.ts";
import { answerText, headers, isDeclined, orderName, partsOf } from "./orders.ts";

/** The task of an API process. */
export interface ApiTask {
  /** The name of its kit. */
  readonly engine: string;
  /** The framework that serves its route. */
  readonly framework: FrameworkName;
  readonly mode: Mode;
  readonly url: string;
  readonly port: number;
  readonly diary: string;
  /** The ledger's file, for effects that are not in the database. */
  readonly ledger: string;
  readonly life: string;
  readonly leaseMs: number;
  /** Whether the database has a standby that may be promoted. */
  readonly hasStandby: boolean;
  /** Whether it takes each request for the first of its key. */
  readonly ignoresKeys: boolean;
  /** The file for a trace of what it asks its store for. */
  readonly trace?: string | undefined;
}

/** How long a handler takes before its effect, and again after it, milliseconds. */
const workMsMax = 12;

/** How long its last responses may take, when it is asked to end, milliseconds. */
const answerMsMax = 2000;

const task = JSON.parse(process.argv[2] ?? "") as ApiTask;
const { engine, framework, mode, url, port, diary, ledger, life, leaseMs, hasStandby, ignoresKeys, trace } = task;
const { store, effects, close } = await (await engineOf(engine)).open(url, { by: "server", hasStandby });
const random = seededRandom(life);
const reached = obeyFaultPlans();

const write = (entry: ChildEvent<ApiEntry>): void => {
  append(diary, { at: trueTime(), life, ...entry });
  reached(entry.event);
};
const note: Note = (event, { scope, key }) => write({ event, order: orderName(scope, key) });
const header = (request: IncomingMessage, name: string): string => String(request.headers[name]);
const work = (): Promise<void> => setTimeout(uniform(random, 1, workMsMax));

/** The handler: whatever runs it twice has the effect twice, in the transaction of the key or in a file. */
async function makeOrder({ body, execution }: Call): Promise<Reply> {
  const { order } = JSON.parse(body) as { order: string };
  await work();
  if (isDeclined(order)) return { status: 402, body: answerText.declined(randomUUID(), order) };
  const effect = { effect: randomUUID(), order, life };
  if (mode === "hold") append(ledger, effect);
  else await tracedEffect(steps, partsOf(order), () => effects!.add(execution.transaction, effect));
  write({ event: "effect", order });
  await work();
  return { status: 201, body: answerText.done(effect.effect, order) };
}

const steps = trace === undefined ? undefined : tracer(life, (line) => append(trace, line));
const keys = steps === undefined ? store : tracedStore(store, steps);
// DynamoDB looks for others at the commit only.
const transactions =
  effects && steps ? tracedTransactions(effects.store, steps, engine === "dynamodb") : effects?.store;

const rules: RouteRules = {
  ...(mode === "hold"
    ? { store: recordingStore(keys, note) }
    : { mode: "transactional", store: recordingTransactions(transactions!, note) }),
  leaseMs,
  retentionMs: 3_600_000,
  // A store that is away for a while is a part of this.
  onError: () => undefined,
};
const scope = (account: string): string => (ignoresKeys ? randomUUID() : account);
const served = await (await frameworkOf(framework)).serve({ rules, scope, handle: makeOrder });

const server = createServer((request, response) => {
  const order = header(request, headers.order);
  const attempt = header(request, headers.attempt);
  write({ event: "received", order, attempt, framework });
  response.once("finish", () => write({ event: "answered", order, attempt, status: response.statusCode }));
  served.listener(request, response);
});
server.listen(port, "127.0.0.1");
await once(server, "listening");
// A deployment: what runs ends first, and what comes is answered with 503.
process.once("SIGTERM", async () => {
  await served.close();
  server.close();
  // A connection that has brought no request yet would keep it open.
  void setTimeout(answerMsMax, undefined, { ref: false }).then(() => server.closeAllConnections());
  await once(server, "close");
  await store.close();
  await close();
  process.exit();
});
process.send?.("ready");
