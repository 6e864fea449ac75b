import { setTimeout } from "node:timers/promises";
import type { Intent, IntentStore } from "../../../packages/once-again/src/stores/intent-store.ts";
import type { InspectedRecord, Store } from "../../../packages/once-again/src/stores/store.ts";
import type { Answer, History, OrderEnd, OrderHistory } from "./check.ts";
import { type ApiEntry, type CallerEntry, type Effect, type Evidence, readLines } from "./evidence.ts";
import { routePath } from "./frameworks.ts";
import { headers, storedStatuses, orderName, partsOf } from "./orders.ts";
import type { Cuts } from "./nemesis.ts";
import type { CrashOptions, Scene } from "./scene.ts";

/** How many are asked for at a time. */
const pageLimit = 500;
const askedAtOnce = 16;

/** How long one key may give no final answer, milliseconds. */
const answerMsMax = 60_000;
/** How long one of the processes may, before the other is asked. */
const askMsMax = 4000;

/** Reads what a run left behind, when everything has come to rest. */
export async function readEvidence(
  { mode, beside }: CrashOptions,
  scene: Scene,
  { completionsCut, completionsLost, claimsThrottled, resultsThrottled, operations }: Cuts,
): Promise<Evidence & { states: States }> {
  const { files, apis, callers, leaseMs } = scene;
  const states = await statesOf(scene.keys.store);
  const processes = [...apis, ...callers];
  return {
    mode,
    leaseMs,
    otherVersion: beside === undefined ? undefined : "api-1",
    api: files.api.flatMap((path) => readLines<ApiEntry>(path)),
    callers: files.callers.flatMap((path) => readLines<CallerEntry>(path)),
    ledger: await readLedger(mode, scene),
    states,
    done: new Set([...states].flatMap(([order, state]) => (state === "done" ? [order] : []))),
    deaths: processes.flatMap(({ deaths }) => deaths),
    pauses: processes.flatMap(({ pauses }) => pauses),
    completionsCut,
    completionsLost,
    claimsThrottled,
    resultsThrottled,
    operations,
  };
}

/** The state of each order's key in the store's list. */
type States = ReadonlyMap<string, InspectedRecord["state"]>;

async function readLedger(mode: Evidence["mode"], { keys, files }: Scene): Promise<Effect[]> {
  return mode === "hold" ? readLines<Effect>(files.ledger) : keys.effects!.read();
}

async function statesOf(store: Store): Promise<States> {
  const states = new Map<string, InspectedRecord["state"]>();
  for (let after: InspectedRecord | undefined; ;) {
    const page = await store.list({
      limit: pageLimit,
      ...(after && { after: { scope: after.scope, key: after.key } }),
    });
    for (const { scope, key, state } of page) states.set(orderName(scope, key), state);
    after = page.at(-1);
    if (after === undefined || page.length < pageLimit) return states;
  }
}

async function intentsOf(stores: readonly IntentStore[]): Promise<Map<string, Intent>> {
  const intents = new Map<string, Intent>();
  for (const store of stores) {
    for (let after: string | undefined; ;) {
      const page = await store.list({ limit: pageLimit, after });
      for (const intent of page) intents.set(intent.id, intent);
      after = page.at(-1)?.id;
      if (after === undefined || page.length < pageLimit) break;
    }
  }
  return intents;
}

/** Asks for every key that has a record once more, and returns the history of each order. */
export async function readHistory(
  { mode }: CrashOptions,
  scene: Scene,
  { callers, states }: { callers: readonly CallerEntry[]; states: States },
): Promise<History> {
  const intents = await intentsOf(scene.intents);
  const entriesOf = Map.groupBy(callers, ({ order }) => order);
  const orders = [...entriesOf.keys()];
  const lastAnswers = new Map<string, Answer>();
  const queue = orders.filter((order) => states.has(order)).values();
  const ask = async (): Promise<void> => {
    for (const order of queue) {
      const answer = await lastAnswer(scene, order);
      if (answer !== undefined) lastAnswers.set(order, answer);
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, ask));
  const shown = { done: "done", abandoned: "held", running: "running", broken: "broken" } as const;
  const historyOf = (order: string): OrderHistory => {
    const intent = intents.get(order);
    const answers = entriesOf.get(order)!.flatMap(answerIn);
    const state = states.get(order);
    return {
      order,
      end: endOf(intent),
      answers: [...answers, ...storedAnswer(intent)],
      last: lastAnswers.get(order),
      record: state === undefined ? "none" : shown[state],
    };
  };
  return { orders: orders.map(historyOf), effects: await readLedger(mode, scene) };
}

function answerIn(entry: CallerEntry): Answer[] {
  const isHandlers = entry.event === "answered" && (storedStatuses.has(entry.status) || entry.status === 422);
  return isHandlers ? [{ status: entry.status, text: entry.text }] : [];
}

function endOf(intent: Intent | undefined): OrderEnd {
  const ends = { done: "ok", failed: "fail", unknown: "info", pending: "open" } as const;
  return intent === undefined ? "open" : ends[intent.state];
}

/** The answer that a caller stored for its order, where that is the handler's. */
function storedAnswer(intent: Intent | undefined): Answer[] {
  if (intent === undefined || !("answer" in intent)) return [];
  const { status, body } = intent.answer;
  return storedStatuses.has(status) ? [{ status, text: new TextDecoder().decode(body) }] : [];
}

/** The answer for an order's key without faults; `undefined` when there is no end. */
async function lastAnswer({ ports }: Scene, order: string): Promise<Answer | undefined> {
  const { scope, key } = partsOf(order);
  const init = {
    method: "POST",
    headers: {
      [headers.account]: scope,
      [headers.order]: order,
      [headers.attempt]: "last",
      "idempotency-key": key,
      "content-type": "text/plain;charset=UTF-8",
    },
    body: JSON.stringify({ order }),
  };
  const ask = (port: number): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${routePath}`, { ...init, signal: AbortSignal.timeout(askMsMax) });
  const endsAt = performance.now() + answerMsMax;
  for (let port = 0; performance.now() < endsAt; port += 1) {
    const response = await ask(ports[port % ports.length]!).catch(() => undefined);
    const text = await response?.text().catch(() => undefined);
    if (response !== undefined && text !== undefined && !response.headers.has("retry-after")) {
      return { status: response.status, text };
    }
    await setTimeout(100);
  }
  return undefined;
}
