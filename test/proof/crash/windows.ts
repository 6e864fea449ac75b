import {
  type ApiEntry,
  type CallerEntry,
  type Evidence,
  type Mode,
  type OperatorFault,
  type Step,
  steps,
} from "./evidence.ts";
import { isDeclined, storedStatuses } from "./orders.ts";

/** The moments in which a fault can do harm. A run that misses one of them has proven too little. */
const windows = [
  "API killed before its claim was answered",
  "API killed between claim and effect",
  "API killed between effect and completion",
  "API killed between completion and answer",
  "API stood still past its lease in the midst of an operation",
  "answer lost on the wire",
  "caller killed between sending and the answer",
  "caller killed between the answer and keeping it",
  "caller stood still past its lease between sending and the answer",
] as const;

/** Those that take a database with a connection to it. */
const databaseWindows = [
  "database gone when a claim was asked for",
  "database gone when a result was to be stored",
  "completion executed, its answer cut",
  "completion cut before it was executed",
] as const;

/** One that takes a transaction besides: its commit did not happen, and the work is run again. */
const runAgain = "transaction run again";

/** Those that take two versions at work on one store. */
const versionWindows = ["this version met a key of the other", "the other version met a key of this one"] as const;

/** Those that take a service that throttles. */
const throttledWindows = ["throttled when a claim was asked for", "throttled when a result was to be stored"] as const;

/** Operations in the midst of what an operator does; and those that it made fail, where it has to. */
type OperatorWindow = `${string}: operations were under way` | `${string}: operations failed`;
const underWay = (name: string): OperatorWindow => `${name}: operations were under way`;
const failing = (name: string): OperatorWindow => `${name}: operations failed`;

/** Faults of operators that some operation has to fail by, or they were none. A full MariaDB has room in its pages. */
const isFailing: ReadonlySet<string> = new Set(["read-only", "full-memory", "promoted-standby", "restarted-pooler"]);

export type CriticalWindow =
  | (typeof windows)[number]
  | (typeof databaseWindows)[number]
  | typeof runAgain
  | (typeof versionWindows)[number]
  | (typeof throttledWindows)[number]
  | OperatorWindow;

/**
 * The windows that a run has to hit, with these faults of operators, and with another version beside this one.
 *
 * @param runsAgain whether work is run again when its commit was lost; default true.
 */
export function windowsOf(
  mode: Mode,
  hasServer: boolean,
  {
    operations = [],
    beside,
    runsAgain = true,
  }: { operations?: readonly string[] | undefined; beside?: string | undefined; runsAgain?: boolean | undefined } = {},
): CriticalWindow[] {
  return [
    ...windows,
    ...(hasServer ? databaseWindows : []),
    ...(hasServer && mode === "transactional" && runsAgain ? ([runAgain] as const) : []),
    ...(beside === undefined ? [] : versionWindows),
    ...(operations.includes("throttled-requests") ? throttledWindows : []),
    ...operations.flatMap((name) => (isFailing.has(name) ? [underWay(name), failing(name)] : [underWay(name)])),
  ];
}

/** How often each window was hit, by what the run left behind. */
export function windowHits(evidence: Evidence): Map<CriticalWindow, number> {
  const hits = new Map<CriticalWindow, number>();
  const add = (window: CriticalWindow, count: number): void => void hits.set(window, (hits.get(window) ?? 0) + count);
  const apiLives = Map.groupBy(evidence.api, ({ life }) => life);
  const callerLives = Map.groupBy(evidence.callers, ({ life }) => life);
  // A request that was killed or stopped before its first byte left was never sent.
  const received = new Map(
    evidence.api.flatMap((entry) => (entry.event === "received" ? [[entry.attempt, entry.at] as const] : [])),
  );

  for (const { life } of evidence.deaths) {
    for (const [order, step] of openOperations(apiLives.get(life) ?? [])) {
      const window = windowOfKill(evidence, { life, order, step });
      if (window !== undefined) add(window, 1);
    }
    const entries = callerLives.get(life) ?? [];
    const onTheWay = openAttempts(entries).filter((attempt) => received.has(attempt));
    add("caller killed between sending and the answer", onTheWay.length);
    add("caller killed between the answer and keeping it", answersNotStored(entries));
  }
  for (const { life, from, until } of evidence.pauses) {
    if (until - from <= evidence.leaseMs) continue;
    const before = <Entry extends { at: number }>(entries: readonly Entry[] = []): Entry[] =>
      entries.filter(({ at }) => at <= from);
    const working = [...openOperations(before(apiLives.get(life))).values()].filter((step) => ownsKey.has(step));
    add("API stood still past its lease in the midst of an operation", working.length);
    const sending = openAttempts(before(callerLives.get(life)));
    const onTheWay = sending.filter((attempt) => (received.get(attempt) ?? Infinity) <= until);
    add("caller stood still past its lease between sending and the answer", onTheWay.length);
  }
  add("answer lost on the wire", answersLost(evidence));
  add("completion executed, its answer cut", evidence.completionsCut);
  add("completion cut before it was executed", evidence.completionsLost);
  add("throttled when a claim was asked for", evidence.claimsThrottled);
  add("throttled when a result was to be stored", evidence.resultsThrottled);
  for (const fault of evidence.operations) {
    add(underWay(fault.name), operationsDuring(fault, apiLives));
    add(failing(fault.name), evidence.api.filter((entry) => entry.event === "failed" && isDuring(fault, entry)).length);
  }
  for (const isOther of evidence.otherVersion === undefined ? [] : [false, true]) {
    add(versionWindows[isOther ? 1 : 0], keysOfAnotherVersion(evidence, isOther));
  }
  for (const entries of apiLives.values()) {
    add(runAgain, followedBy(entries, "completing", ["granted"]));
    add("database gone when a claim was asked for", followedBy(entries, "asked", ["failed"]));
    add(
      "database gone when a result was to be stored",
      followedBy(entries, "completing", ["failed", "granted", "turned-away"]),
    );
  }
  return hits;
}

const isDuring = ({ from, until }: OperatorFault, { at }: ApiEntry): boolean => from <= at && at <= until;

/** How many operations were under way when a fault began, or began in the midst of it, in the lives that it was done to. */
function operationsDuring(fault: OperatorFault, apiLives: ReadonlyMap<string, readonly ApiEntry[]>): number {
  let count = 0;
  for (const life of fault.lives ?? apiLives.keys()) {
    const entries = apiLives.get(life) ?? [];
    count += openOperations(entries.filter(({ at }) => at < fault.from)).size;
    count += entries.filter((entry) => entry.event === "asked" && isDuring(fault, entry)).length;
  }
  return count;
}

/** How many orders were first asked for at one version, and then at the other one, or at this one. */
function keysOfAnotherVersion({ api, otherVersion }: Evidence, isOther: boolean): number {
  const asked = api.filter(({ event }) => event === "asked").sort((one, next) => one.at - next.at);
  const isOfOther = ({ life }: ApiEntry): boolean => life.startsWith(`${otherVersion}.`);
  return [...Map.groupBy(asked, ({ order }) => order).values()].filter(
    ([first, ...later]) => isOfOther(first!) !== isOther && later.some((entry) => isOfOther(entry) === isOther),
  ).length;
}

/** The steps at which a process owns a key that has no result yet. */
const ownsKey: ReadonlySet<Step> = new Set(["granted", "effect", "completing"]);

/** How far a process had come with what it had not yet answered. */
function openOperations(entries: readonly ApiEntry[]): Map<string, Step> {
  const open = new Map<string, Step>();
  for (const { order, ...entry } of entries) {
    const { event } = entry;
    if (isStep(event)) open.set(order, event);
    else if (event === "failed" || event === "turned-away" || event === "refused") open.delete(order);
    // A repeat that gets "in progress" ends nothing.
    else if (event === "answered" && storedStatuses.has(entry.status)) open.delete(order);
  }
  return open;
}

const isStep = (event: string): event is Step => steps.includes(event as Step);

/**
 * The window that a kill hit. Its diary may not have the last step, or whether the last call was executed: ledger and
 * record do. A declined order has no effect to be before or after.
 */
function windowOfKill(
  { mode, ledger, done }: Evidence,
  { life, order, step }: { life: string; order: string; step: Step },
): CriticalWindow | undefined {
  const isInLedger = ledger.some((effect) => effect.order === order && effect.life === life);
  // In transactional mode another process may have completed it since; an effect of this one commits with its result.
  const isStored = step === "completed" || (step === "completing" && (mode === "hold" ? done.has(order) : isInLedger));
  if (isStored) return "API killed between completion and answer";
  if (step === "asked") return "API killed before its claim was answered";
  if (isInLedger || step === "effect") return "API killed between effect and completion";
  return isDeclined(order) ? undefined : "API killed between claim and effect";
}

/** The attempts that have no end yet. */
function openAttempts(entries: readonly CallerEntry[]): string[] {
  const open = new Set<string>();
  for (const entry of entries) {
    if (entry.event === "sent") open.add(entry.attempt);
    else if (entry.event === "answered" || entry.event === "lost") open.delete(entry.attempt);
  }
  return [...open];
}

/** How many orders had their answer, while how they ended was not yet on disk. */
function answersNotStored(entries: readonly CallerEntry[]): number {
  const open = new Set<string>();
  for (const { order, ...entry } of entries) {
    if (entry.event === "answered" && storedStatuses.has(entry.status)) open.add(order);
    else if (entry.event === "stored" || entry.event === "settled") open.delete(order);
  }
  return open.size;
}

/** How many answers of the handler left the API and never reached the caller, which lived on. */
function answersLost({ api, callers }: Evidence): number {
  const lost = new Set(callers.flatMap((entry) => (entry.event === "lost" ? [entry.attempt] : [])));
  const isLost = (entry: ApiEntry): boolean =>
    entry.event === "answered" && storedStatuses.has(entry.status) && lost.has(entry.attempt);
  return api.filter(isLost).length;
}

/** How often a step of an operation was followed by one of these, in the same process. */
function followedBy(entries: readonly ApiEntry[], step: Step, next: readonly ApiEntry["event"][]): number {
  const last = new Map<string, ApiEntry["event"]>();
  let count = 0;
  for (const { order, event } of entries) {
    if (event === "received" || event === "answered") continue;
    if (last.get(order) === step && next.includes(event)) count += 1;
    last.set(order, event);
  }
  return count;
}
