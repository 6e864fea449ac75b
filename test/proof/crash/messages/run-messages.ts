import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Acceptance, acceptedTrace, missingIn, refusalTexts } from "../../trace/accept.ts";
import { sinceStart, type TraceLine } from "../../trace/trace-step.ts";
import { inTime } from "../../../support/in-time.ts";
import { repeatUntilAnswered } from "../../../support/store-load.ts";
import { drained, readCommitted, readEvidence, readHistory, readProgress, storyOf } from "./audit.ts";
import { type MessageBreach, messageBreaches, type MessageHistory } from "./check.ts";
import type { Evidence, ServerDeath } from "./evidence.ts";
import { injectMessageFaults, type MessageFaults } from "./nemesis.ts";
import { type MessagesOptions, roles, type Scene, startScene } from "./scene.ts";
import { messageWindowHits, messageWindows } from "./windows.ts";

/** The result of a run. */
export interface MessagesResult {
  readonly scenario: "messages";
  readonly engine: string;
  readonly broker: string;
  readonly seed: number;
  /** For how long there were faults. */
  readonly seconds: number;
  /** How long it took until everything had come to rest after them. */
  readonly secondsToRest: number;
  readonly faults: Readonly<Record<string, number>>;
  /** All kills: of processes, of the broker, of the database. */
  readonly kills: number;
  readonly windows: Readonly<Record<string, number>>;
  readonly missedWindows: readonly string[];
  readonly messages: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly doubleEffects: number;
  readonly orderViolations: number;
  readonly rolledBackPublished: number;
  readonly breaches: readonly MessageBreach[];
  /** The stories of the messages of the first breaches. */
  readonly stories: Readonly<Record<string, readonly string[]>>;
  /** Processes that ended by themselves, and the groups of calls that the rules don't explain. */
  readonly failures: readonly string[];
  /** The verdict on the trace, if one was asked for. */
  readonly trace: Acceptance | undefined;
}

/** How many broken messages get a story. */
const storiesMax = 3;

/** How many messages may wait somewhere before writers pause, so that the end is not far when faults end. */
const waitingMax = 2000;

/** How long a process may take to end in the end, milliseconds. */
const endMsMax = 120_000;

/** For how long faults go on at most, beyond what was asked for, until enough messages are committed. */
const moreSecondsMax = 400;

/** How long the last faults may take to end, milliseconds: a deployment waits for each of its processes. */
const lastFaultsMsMax = 320_000;

/** How long a reading of what is left may take, milliseconds. */
const historyMsMax = 120_000;

/**
 * Lets writers write, relays publish and consumers consume, breaks things for so long, lets everything come to rest, and
 * holds what is left against the invariants.
 *
 * @param onProgress called now and then with how many seconds of faults are over, and how many messages were committed.
 * @throws Error when the machine has no such server, or it does not start; when a part of the run does not end, with its
 *   name.
 */
export async function runMessages(
  options: MessagesOptions,
  onProgress: (seconds: number, messages: number) => void = () => undefined,
): Promise<MessagesResult> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "once-again-messages-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const scene = await startScene(options, folder, stack);
  const startedAt = performance.now();
  const secondsSince = (from: number): number => (performance.now() - from) / 1000;
  let committed = 0;
  let isWatching = false;
  const watch = setInterval(() => {
    onProgress(secondsSince(startedAt), committed);
    if (isWatching) return;
    isWatching = true;
    // The broker is asked apart: faults end by what is committed, also while it gives no answer.
    void Promise.allSettled([
      readCommitted(scene).then((count) => (committed = count)),
      readProgress(scene).then(({ waiting }) => holdWriters(scene, waiting > waitingMax)),
    ]).then(() => (isWatching = false));
  }, 500);
  stack.defer(() => clearInterval(watch));
  const secondsMax = options.seconds + moreSecondsMax;
  const injected = injectMessageFaults(options, scene, {
    seed: options.seed,
    // Without a guard the breaches come soon.
    isThorough: options.without === undefined,
    goesOn: () => {
      const seconds = secondsSince(startedAt);
      return seconds < options.seconds || (committed < options.messages && seconds < secondsMax);
    },
  });
  const faults = await inTime("The faults", secondsMax * 1000 + lastFaultsMsMax, injected);
  if (committed < options.messages)
    faults.stuck.push(`Only ${committed} of ${options.messages} messages were committed within ${secondsMax} s.`);
  const seconds = Math.round(secondsSince(startedAt));
  const restsFrom = performance.now();
  await Promise.all(scene.processes.writer.map((writer) => writer.stop(endMsMax)));
  await drained(scene);
  clearInterval(watch);
  for (const role of roles) await Promise.all(scene.processes[role].map((one) => one.stop(endMsMax)));
  const secondsToRest = Math.round(secondsSince(restsFrom));
  const reading = repeatUntilAnswered(() => readHistory(options, scene));
  const history = await inTime("The reading of what is left", historyMsMax, reading);
  const evidence = readEvidence(scene, faults, history);
  const trace =
    scene.trace === undefined
      ? undefined
      : acceptedTrace(scene.trace, options.trace!, faults.databaseDeaths.flatMap(crashLines));
  const broken = await messageBreaches(history, options.history);
  const found = { faults, evidence, history, broken, trace };
  return { ...resultOf(options, scene, found), seconds, secondsToRest };
}

/** A crash of the database as a trace has it, by the clock of its processes. */
function crashLines({ from, until }: ServerDeath, index: number): TraceLine[] {
  const aheadMs = sinceStart() - Date.now();
  const id = `crash ${index + 1}`;
  return [
    { id, at: from + aheadMs, process: "the database", call: "crash" },
    { id, answeredAt: until + aheadMs, said: "yes" },
  ];
}

/** Has writers pause while too much waits. */
function holdWriters({ hold }: Scene, isHeld: boolean): void {
  if (isHeld) writeFileSync(hold, "");
  else if (existsSync(hold)) rmSync(hold, { force: true });
}

function resultOf(
  { engine, broker, seed }: MessagesOptions,
  { processes, database, wires, places }: Scene,
  {
    faults,
    evidence,
    history,
    broken,
    trace,
  }: {
    faults: MessageFaults;
    evidence: Evidence;
    history: MessageHistory;
    broken: readonly MessageBreach[];
    trace: Acceptance | undefined;
  },
): Omit<MessagesResult, "seconds" | "secondsToRest"> {
  const hits = messageWindowHits(evidence);
  const windows = messageWindows({
    server: database.server !== undefined,
    brokerLeases: broker.hasLeases,
    brokerKills: broker.survivesKills,
    fullPlace: places["places.full"] !== undefined,
  });
  const count = (...names: MessageBreach["invariant"][]): number =>
    new Set(broken.flatMap(({ invariant, message }) => (names.includes(invariant) ? [message] : []))).size;
  const { brokerDeaths, databaseDeaths, deaths } = evidence;
  const ofRole = (role: string) => (one: { life: string }) => one.life.startsWith(role);
  const allWires = [wires.relayToBroker, wires.consumerToBroker, ...Object.values(wires.toDatabase ?? {})];
  const keyed = history.orders.filter(({ orderingKey }) => orderingKey !== null).length;
  return {
    scenario: "messages",
    engine: engine.name,
    broker: broker.name,
    seed,
    faults: {
      ...Object.fromEntries(roles.map((role) => [`${role} killed`, deaths.filter(ofRole(role)).length])),
      ...(broker.survivesKills
        ? { "broker killed": brokerDeaths.length }
        : { "broker stood still": faults.brokerPauses }),
      ...(database.server && { "database killed": databaseDeaths.length }),
      ...Object.fromEntries(
        roles.map((role) => [`${role} stood still`, evidence.pauses.filter(ofRole(role)).length] as const),
      ),
      "answer cut": allWires.reduce((sum, { answersCut }) => sum + answersCut, 0),
      "all connections of a wire cut": faults.connectionsCut,
      "consumer shut down": faults.shutdowns,
      "place shut": faults.shutPlaces.length,
      ...(faults.groupsLost > 0 && { "group of consumers removed": faults.groupsLost }),
    },
    kills: deaths.length + brokerDeaths.length + databaseDeaths.length,
    windows: Object.fromEntries(windows.map((window) => [window, hits.get(window) ?? 0])),
    missedWindows: [
      ...windows.filter((window) => (hits.get(window) ?? 0) === 0),
      ...(trace ? missingIn(trace) : []).map((one) => `in the trace: ${one}`),
    ],
    messages: {
      committed: history.orders.length,
      "with an ordering key": keyed,
      "rolled back": rolledBackIn(evidence),
      published: history.published.length,
      "published once more": history.published.length - new Set(history.published).size,
      effects: history.effects.length,
    },
    lost: count("every-commit-is-published", "acknowledged-is-settled"),
    doubleEffects: count("one-effect"),
    orderViolations: count("commit-order"),
    rolledBackPublished: count("only-commits-are-published"),
    breaches: broken,
    stories: Object.fromEntries(
      broken
        .flatMap(({ message, other }) => [message ?? [], other ?? []].flat())
        .slice(0, storiesMax)
        .map((message) => [message, storyOf(evidence, message)]),
    ),
    failures: [
      ...Object.values(processes)
        .flat()
        .flatMap(({ failures }) => failures),
      ...faults.stuck,
      ...(trace ? refusalTexts(trace) : []),
    ],
    trace,
  };
}

/** How many messages were added and not committed. */
function rolledBackIn({ writers, committed }: Evidence): number {
  const added = writers.flatMap(({ read }) => read().flatMap(({ event, ids }) => (event === "added" ? ids : [])));
  return added.filter((id) => !committed.has(id)).length;
}
