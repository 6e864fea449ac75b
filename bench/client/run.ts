import { measureInterleaved, type Measured, measuredOf, type Subject } from "../measure.ts";
import { startChild } from "../child.ts";
import { callers } from "./callers.ts";
import type { HttpFigures } from "./http-child.ts";
import { bareAwait, loops } from "./loops.ts";
import type { LoopFigures } from "./loops-child.ts";

export interface RunOptions {
  readonly rounds: number;
  /** How long each measurement lasts, milliseconds. */
  readonly milliseconds: number;
  /** HTTP requests under way at a time. */
  readonly connections: number;
  /** Which rows are wanted; baselines are always measured. */
  readonly wanted: (name: string) => boolean;
  readonly say: (text: string) => void;
}

/** How often each loop is measured for nothing before the first round: until then its code is not compiled. */
const warmUps = 2;

/** How long each HTTP client sends for nothing before it is measured, milliseconds: what compiles it is the sending. */
export const warmUpMilliseconds = 3000;

/** In how many slices each client is measured in a round, in turn with all others: what the machine does meets them alike. */
const slices = 10;

/**
 * Measures the HTTP clients, all at one server, each in a new process in each round: how a process is laid out in memory,
 * and what it happens to compile, is worth several per cent that stay with it. The figures of a round are the medians of
 * its slices.
 */
export async function measureCallers(options: RunOptions): Promise<Measured<keyof HttpFigures>[]> {
  const { connections, milliseconds, rounds, say, wanted } = options;
  await using server = startChild(new URL("./server-child.ts", import.meta.url), []);
  const { port } = await server.ask<{ port: number }>("port");
  const subjects = callers.filter(({ name, baseline }) => name === baseline || wanted(name));
  const taken = new Map<string, HttpFigures[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    await using stack = new AsyncDisposableStack();
    const sayRound = (text: string): void => say(`processes ${round} of ${rounds}, ${text}`);
    const started = subjects.map(({ name, baseline }) => {
      const child = stack.use(startChild(new URL("./http-child.ts", import.meta.url), [name, String(port)]));
      const send = (forMs: number): Promise<HttpFigures> => child.ask({ milliseconds: forMs, connections });
      return { name, baseline, send, measure: () => send(milliseconds / slices) };
    });
    for (const { name, send } of started) {
      sayRound(`${name} warms up`);
      await send(warmUpMilliseconds);
    }
    const measured = await measureInterleaved(started, slices, sayRound);
    for (const { name, medians } of measured) taken.get(name)?.push(medians);
  }
  return measuredOf(subjects, taken);
}

/** Measures the loops around a function, all in one process. */
export async function measureLoops(options: RunOptions): Promise<Measured<keyof LoopFigures>[]> {
  const { milliseconds, wanted } = options;
  const nursery = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];
  await using child = startChild(new URL("./loops-child.ts", import.meta.url), [], nursery);
  const subjects = loops
    .filter(({ name }) => name === bareAwait || wanted(name))
    .map(({ name }) => ({
      name,
      baseline: bareAwait,
      measure: () => child.ask<LoopFigures>({ name, milliseconds }),
    }));
  return await measureWarm(subjects, options);
}

async function measureWarm<Name extends string>(
  subjects: readonly Subject<Name>[],
  { rounds, say }: RunOptions,
): Promise<Measured<Name>[]> {
  for (const subject of subjects) {
    say(`${subject.name} warms up`);
    for (let warm = 0; warm < warmUps; warm += 1) await subject.measure();
  }
  return measureInterleaved(subjects, rounds, say);
}
