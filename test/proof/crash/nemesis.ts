import { setTimeout } from "node:timers/promises";
import { type Random, seededRandom, uniform } from "../../../packages/once-again/src/core/random.ts";
import type { CutProxy } from "../../support/servers/cut-proxy.ts";
import type { PrivateServer } from "../../support/servers/private-server.ts";
import { steps } from "./evidence.ts";
import type { KillableProcess, Point } from "./killable-process.ts";

/** What can be broken. */
export interface Targets {
  readonly apis: readonly KillableProcess[];
  readonly callers: readonly KillableProcess[];
  /** Between callers and API. */
  readonly wire: CutProxy;
  /** Missing where keys are in a file. */
  readonly database:
    | {
        readonly server: PrivateServer;
        readonly wire: CutProxy;
        /** What a request for a key, and one to keep a result, have in them. */
        readonly claiming: string;
        readonly completing: string;
      }
    | undefined;
  readonly leaseMs: number;
}

/** What was done to what has no memory of it. */
export interface Cuts {
  connectionsCut: number;
  databaseKills: number;
  /** Requests to keep a result that were carried out, and whose answer was cut off. */
  completionsCut: number;
  /** Requests to keep a result that were cut off before they were carried out. */
  completionsLost: number;
}

type Action = (random: Random) => Promise<void>;

/** How long something is left alone between two faults, milliseconds: [least, most]. */
const peaceMs = { api: [300, 1300], caller: [100, 700], wire: [300, 2000], database: [3000, 7000] } as const;

/**
 * Breaks things for so long. Each API process, the callers, wires and database have a course of their own, which goes
 * through all that can be done to them (API processes share it), in another order each time; what they do is decided by the seed, and what that meets by the
 * machine.
 *
 * @param options.isThorough whether everything is done at least once, however long that takes.
 */
export async function injectFaults(
  targets: Targets,
  options: { seed: number; ms: number; isThorough: boolean },
): Promise<Cuts> {
  const endsAt = performance.now() + options.ms;
  const cuts: Cuts = { connectionsCut: 0, databaseKills: 0, completionsCut: 0, completionsLost: 0 };
  const course = async (name: string, [low, high]: readonly [number, number], actions: readonly Action[]) => {
    const random = seededRandom(`${options.seed} ${name}`);
    for (let isOwed = options.isThorough; ; isOwed = false) {
      for (const action of shuffled(actions, random)) {
        if (!isOwed && performance.now() > endsAt) return;
        await setTimeout(uniform(random, low, high));
        await action(random);
      }
    }
  };
  const onWire = (wire: CutProxy): Action[] => [
    async () => wire.cutNextAnswer(),
    async (random) => {
      wire.cut();
      cuts.connectionsCut += 1;
      await setTimeout(uniform(random, 0, 300));
      wire.heal();
    },
  ];
  const { database, leaseMs } = targets;
  await Promise.all([
    ...targets.apis.map((api, index) =>
      course(`API ${index + 1}`, peaceMs.api, apiActions(api, leaseMs).filter(isShareOf(index, targets.apis.length))),
    ),
    course(
      "callers",
      peaceMs.caller,
      processActions(targets.callers, { dieAt: [sent, rightAt("answered")], stopAt: sent }, leaseMs),
    ),
    // What is cut is not always an order's answer.
    course("wire", peaceMs.wire, [...onWire(targets.wire), ...onWire(targets.wire)]),
    ...(database === undefined
      ? []
      : [
          course("database wire", peaceMs.wire, [
            ...onWire(database.wire),
            async () => database.wire.cutNextAnswer(database.claiming),
            async () => database.wire.cutNextAnswer(database.completing, () => (cuts.completionsCut += 1)),
            async () => database.wire.cutNextQuestion(database.completing, () => (cuts.completionsLost += 1)),
            async () => database.wire.cutNextQuestion(database.completing, () => (cuts.completionsLost += 1)),
          ]),
          course("database", peaceMs.database, [
            async () => {
              await database.server.kill();
              cuts.databaseKills += 1;
              await database.server.restart();
            },
          ]),
        ]),
  ]);
  return cuts;
}

const rightAt = (event: string): Point => ({ at: event, afterMs: 0 });
/** A request that is on its way: its first byte leaves after it was noted. */
const sent: Point = { at: "sent", afterMs: 5 };

const apiActions = (api: KillableProcess, leaseMs: number): readonly Action[] =>
  processActions([api], { dieAt: steps.map(rightAt), stopAt: rightAt("granted") }, leaseMs);

/** Deals a list out among so many. */
const isShareOf =
  (index: number, count: number) =>
  (_item: unknown, position: number): boolean =>
    position % count === index;

/**
 * What is done to one of some processes, any of them: it dies at a point, or anywhere, and comes back; or it stands still,
 * longer than a lease.
 */
function processActions(
  processes: readonly KillableProcess[],
  { dieAt, stopAt }: { dieAt: readonly Point[]; stopAt: Point },
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
  return [...[...dieAt, undefined].map(killed), ...[stopAt, stopAt].map(stopped)];
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
