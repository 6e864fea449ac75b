import { setTimeout } from "node:timers/promises";
import type { Intent, IntentStore } from "../../../packages/once-again/src/stores/intent-store.ts";
import type { InspectedRecord, Store } from "../../../packages/once-again/src/stores/store.ts";
import type { Answer, History, OrderEnd, OrderHistory } from "./check.ts";
import { repeatUntilAnswered } from "../../support/store-load.ts";
import { type ApiEntry, type CallerEntry, type Effect, type Evidence, readLines } from "./evidence.ts";
import { routePath } from "./frameworks.ts";
import { headers, storedStatuses, orderName, partsOf } from "./orders.ts";
import type { Cuts } from "./nemesis.ts";
import type { CrashOptions, Scene } from "./scene.ts";

/** How many are listed at a time. */
const pageLimit = 500;

/**
 * How many keys are asked for at a time. A store asks its database only for so long, and a slow emulator answers one
 * question after the other: of many at once it would answer each too late, again and again.
 */
const askedAtOnce = 2;

/** How long something may take in peace, milliseconds. A busy machine takes minutes; what hangs takes for ever. */
export const quietMsMax = 600_000;

/** How long one of the processes may take, before another is asked. */
const askMsMax = 30_000;

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
  return mode === "hold" ? readLines<Effect>(files.ledger) : repeatUntilAnswered(() => keys.effects!.read());
}

async function statesOf(store: Store): Promise<States> {
  const states = new Map<string, InspectedRecord["state"]>();
  for (let after: InspectedRecord | undefined; ;) {
    const from = after && { after: { scope: after.scope, key: after.key } };
    const page = await repeatUntilAnswered(() => store.list({ limit: pageLimit, ...from }));
    for (const { scope, key, state } of page) states.set(orderName(scope, key), state);
    after = page.at(-1);
    if (after === undefined || page.length < pageLimit) return states;
  }
}

async function intentsOf(stores: readonly IntentStore[]): Promise<Map<string, Intent>> {
  const intents = new Map<string, Intent>();
  for (const store of stores) {
    for (let after: string | undefined; ;) {
      const page = await repeatUntilAnswered(() => store.list({ limit: pageLimit, after }));
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
  const { lastAnswers, lastStates } = await askInPeace(scene, orders, states);
  const shown = { done: "done", abandoned: "held", running: "running", broken: "broken" } as const;
  const historyOf = (order: string): OrderHistory => {
    const intent = intents.get(order);
    const answers = entriesOf.get(order)!.flatMap(answerIn);
    const state = lastStates.get(order);
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

/**
 * Asks for keys until none has changed since it was asked for: an owner may still store the result of an order after its lease,
 * which is listed as held until then.
 */
async function askInPeace(
  scene: Scene,
  orders: readonly string[],
  states: States,
): Promise<{ lastAnswers: ReadonlyMap<string, Answer>; lastStates: States }> {
  const lastAnswers = new Map<string, Answer>();
  let lastStates = states;
  for (let asked = orders.filter((order) => states.has(order)); asked.length > 0;) {
    for (const [order, answer] of await askForAll(scene, asked)) lastAnswers.set(order, answer);
    const before = lastStates;
    lastStates = await statesOf(scene.keys.store);
    asked = orders.filter((order) => lastStates.has(order) && lastStates.get(order) !== before.get(order));
  }
  return { lastAnswers, lastStates };
}

/** The answers for orders' keys without faults. One is missing when its key has no end. */
async function askForAll({ ports }: Scene, orders: readonly string[]): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  let answeredAt = performance.now();
  const queue = [...orders];
  const ask = async (): Promise<void> => {
    for (let tries = 0; queue.length > 0 && performance.now() - answeredAt < quietMsMax; tries += 1) {
      const order = queue.shift()!;
      const answer = await lastAnswer(ports[tries % ports.length]!, order);
      if (answer !== undefined) {
        answers.set(order, answer);
        answeredAt = performance.now();
        continue;
      }
      queue.push(order);
      await setTimeout(100);
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, ask));
  return answers;
}

/** The answer of one process for an order's key; `undefined` when it has none now. */
async function lastAnswer(port: number, order: string): Promise<Answer | undefined> {
  const { scope, key } = partsOf(order);
  try {
    const response = await fetch(`http://127.0.0.1:${port}${routePath}`, {
      method: "POST",
      headers: {
        [headers.account]: scope,
        [headers.order]: order,
        [headers.attempt]: "last",
        "idempotency-key": key,
        "content-type": "text/plain;charset=UTF-8",
      },
      body: JSON.stringify({ order }),
      signal: AbortSignal.timeout(askMsMax),
    });
    const text = await response.text();
    return response.headers.has("retry-after") ? undefined : { status: response.status, text };
  } catch {
    return undefined;
  }
}
