import { setTimeout } from "node:timers/promises";
import { type Random, seededRandom, uniform } from "../../../packages/once-again/src/core/random.ts";
import type { CutProxy } from "../../support/servers/cut-proxy.ts";
import type { KillableProcess, Point } from "./killable-process.ts";

/** Something that is done to something, with what chance decides about it. */
export type Action = (random: Random) => Promise<void>;

/** Actions on one thing, one after the other, in another order each time. */
export interface Course {
  readonly name: string;
  /** How long it is left alone between two actions, milliseconds: [least, most]. */
  readonly peaceMs: readonly [least: number, most: number];
  readonly actions: readonly Action[];
}

/** How long courses are run. */
export interface CoursesRun {
  readonly seed: number;
  /** Whether everything is done at least once, however long that takes. */
  readonly isThorough: boolean;
  /** Is asked before each action. */
  goesOn(): boolean;
}

/** Runs courses side by side. What they do is decided by the seed, and what that meets by the machine. */
export async function runCourses({ seed, isThorough, goesOn }: CoursesRun, courses: readonly Course[]): Promise<void> {
  const run = async ({ name, peaceMs, actions }: Course): Promise<void> => {
    const random = seededRandom(`${seed} ${name}`);
    for (let isOwed = isThorough; ; isOwed = false) {
      for (const action of shuffled(actions, random)) {
        if (!isOwed && !goesOn()) return;
        await setTimeout(uniform(random, ...peaceMs));
        await action(random);
      }
    }
  };
  await Promise.all(courses.map(run));
}

/** The point right at an event of a process, before anything else can happen. */
export const rightAt = (event: string): Point => ({ at: event, afterMs: 0 });

/**
 * Actions on one of some processes, any of them: it dies at a point, or anywhere, and comes back; or it stands still,
 * longer than a lease.
 */
export function processActions(
  processes: readonly KillableProcess[],
  { dieAt, stopAt }: { dieAt: readonly Point[]; stopAt: readonly Point[] },
  leaseMs: number,
): readonly Action[] {
  const anyOf = (random: Random): KillableProcess => processes[Math.floor(uniform(random, 0, processes.length))]!;
  const killed =
    (at: Point): Action =>
    async (random) => {
      const process = anyOf(random);
      await process.kill(at);
      await setTimeout(uniform(random, 0, 300));
      await process.start();
    };
  const stopped =
    (at: Point): Action =>
    (random) =>
      anyOf(random).pause(uniform(random, 1.2, 2) * leaseMs, at);
  return [...[...dieAt, undefined].map(killed), ...stopAt.map(stopped)];
}

/** How long a process may take to end when it is asked to, milliseconds. Its work is short; a server may be away. */
const shutdownMsMax = 300_000;

/**
 * Ends each process as a deployment does, one after the other, and starts it again. Returns the lives that ended.
 *
 * @param onStuck is called with what is said about a process that does not end.
 * @param at where each is asked to end; default anywhere. It may be asked twice then.
 */
export async function deploy(
  processes: readonly KillableProcess[],
  onStuck: (problem: string) => void,
  at?: Point,
): Promise<string[]> {
  const lives: string[] = [];
  for (const process of processes) {
    const { life } = process;
    // It is dead, or another course has it.
    if (life === undefined) continue;
    await process.stop(shutdownMsMax, at);
    if (process.life === life) {
      onStuck(`${life} did not end within ${shutdownMsMax} ms of SIGTERM.`);
      await process.kill();
    }
    lives.push(life);
    await process.start();
  }
  return lives;
}

/** Actions on any wire: its next answer is cut, or all its connections, for a moment. */
export function cutsOf(wire: CutProxy, onCut: () => void): Action[] {
  return [
    answerCut(wire, ""),
    async (random) => {
      wire.cut();
      onCut();
      await setTimeout(uniform(random, 0, 300));
      wire.heal();
    },
  ];
}

/** An action on a wire: the next answer to this is cut. */
export function answerCut(wire: CutProxy, question: string, onCut?: () => void): Action {
  return () => untilMet((onMet) => wire.cutNextAnswer(question, onMet), onCut);
}

/** An action on a wire: this is cut when it is asked the next time. */
export function questionCut(wire: CutProxy, question: string, onCut?: () => void): Action {
  return () => untilMet((onMet) => wire.cutNextQuestion(question, onMet), onCut);
}

/** How long something may not be asked for, milliseconds: a busy machine takes that to start a database again. */
const metMsMax = 30_000;

/**
 * Makes a plan and waits until it was met. The next plan for the same wire would take its place.
 *
 * @param onMet is called at once when it is met, also after the wait.
 */
export async function untilMet(plan: (onMet: () => void) => void, onMet?: () => void): Promise<void> {
  const { promise: met, resolve } = Promise.withResolvers<void>();
  plan(() => {
    onMet?.();
    resolve();
  });
  await Promise.race([met, setTimeout(metMsMax, undefined, { ref: false })]);
}

/** The same in another order, each order as likely (Fisher and Yates). */
function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(uniform(random, 0, last + 1));
    [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
  }
  return mixed;
}
