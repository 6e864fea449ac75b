import type { AttackedProcess } from "./attacked-process.ts";
import { Breaches, type FuzzRun, runCases } from "./fuzz.ts";
import { frameTypes, readFrames } from "../../support/http2-frames.ts";
import { startNeighbour } from "./neighbour.ts";
import { playConnection } from "./play-connection.ts";
import { type ConnectionPlan, randomConnection } from "./random-connection.ts";

/** The target of an attack. */
export interface ConnectionTarget {
  /** Which share of the connections speaks HTTP/2; default 0. */
  readonly http2Share?: number | undefined;
  /** Where it listens now; the first one serves the neighbour. */
  urls(): readonly string[];
  /** Whether a request has reached what is to answer it, and was answered as it should be. */
  wasAnswered(id: string): boolean;
}

/** The result of an attack. */
export interface AttackReport {
  readonly cases: number;
  readonly seconds: number;
  readonly deaths: number;
  readonly breaches: Breaches;
  readonly figures: Readonly<Record<string, number>>;
}

/** Connections at the same time. */
const atOnce = 24;

/** The longest turn of an event loop in processor time, milliseconds. Collections of garbage are part of it. */
const turnMsMax = 1000;

/** The most memory that each process may come to, MiB: 100 to start with, and what V8 lets grow on a machine that is busy. */
const memoryMiBMax = 1024;

/** Makes random connections to a process until the time is over, beside a neighbour that behaves well. */
export async function attackConnections(
  run: FuzzRun,
  attacked: AttackedProcess,
  target: ConnectionTarget,
): Promise<AttackReport> {
  const breaches = new Breaches();
  const startedAt = performance.now();
  const neighbour = startNeighbour(() => target.urls()[0]!);
  let [deaths, aborts] = [attacked.deaths, attacked.nativeAborts];
  let reviving: Promise<void> | undefined;
  const cases = await runCases(run, atOnce, async (number) => {
    const plan = randomConnection(run.seed, number, target.http2Share);
    const urls = target.urls();
    const lost = await playConnection(urls[number % urls.length]!, plan, (text) => findOwed(plan, text, target));
    if (lost !== undefined) {
      const got = JSON.stringify(lost.text.slice(0, 500));
      breaches.add(
        "lost",
        `Case ${number}: ${lost.id} was answered, and its caller has no response on an open connection, but ${got}.`,
      );
    }
    if (attacked.deaths > deaths) {
      const wasNative = attacked.nativeAborts > aborts;
      [deaths, aborts] = [attacked.deaths, attacked.nativeAborts];
      if (!wasNative)
        breaches.add(
          `death ${causeOf(attacked.lastWords)}`,
          `Case ${number}, or one beside it, ended the process. ${attacked.lastWords}`,
        );
    }
    reviving ??= attacked.revive().finally(() => (reviving = undefined));
    await reviving;
  });
  await neighbour.end();
  const { turnMs, memoryMiB } = attacked.observed();
  const [failure] = neighbour.failures;
  if (failure !== undefined && attacked.deaths === 0) {
    breaches.add(
      "neighbour",
      `A caller that behaves well was not served ${neighbour.failures.length} of ${neighbour.count} times: ${failure}`,
    );
  }
  if (neighbour.count === 0) breaches.add("idle", "No caller that behaves well was served at all.");
  if (turnMs > turnMsMax) breaches.add("turn", `A turn of the event loop took ${turnMs} ms of processor time.`);
  if (memoryMiB > memoryMiBMax) breaches.add("memory", `A process took ${memoryMiB} MiB.`);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const figures = {
    turnMs,
    memoryMiB,
    nativeAborts: attacked.nativeAborts,
    neighbourRequests: neighbour.count,
    neighbourMs: Math.round(neighbour.longestMs),
  };
  return { cases, seconds, deaths: attacked.deaths - attacked.nativeAborts, breaches, figures };
}

/** A request with a key that was answered, and of which the response is not in what its caller got. */
function findOwed({ intact, streams }: ConnectionPlan, text: string, target: ConnectionTarget): string | undefined {
  const answered = intact.filter(({ id, key }) => key !== undefined && target.wasAnswered(id));
  if (streams === undefined) return answered.find(({ id }) => !text.includes(`x-answer-to: ${id}`))?.id;
  // The body waits for its window: the head of a response is enough, and so is a reset.
  const { headers, reset, goaway } = frameTypes;
  const frames = readFrames(Buffer.from(text, "latin1"));
  if (frames.some(({ type }) => type === goaway)) return undefined;
  const ended = new Set(frames.filter(({ type }) => type === headers || type === reset).map(({ stream }) => stream));
  return answered.find(({ id }) => !ended.has(streams.get(id)!))?.id;
}

/** The error that ended a process, and where it was thrown. */
function causeOf(lastWords: string): string {
  const error = /^\w*Error.*$/m.exec(lastWords)?.[0] ?? lastWords.slice(0, 80);
  return `${error} ${/\(?[^\s(]+:\d+:\d+\)?/.exec(lastWords.slice(lastWords.indexOf(error)))?.[0] ?? ""}`;
}
