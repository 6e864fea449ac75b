import type { CutProxy } from "../../support/servers/cut-proxy.ts";
import {
  type Action,
  answerCut,
  type Course,
  cutsOf,
  processActions,
  questionCut,
  rightAt,
  runCourses,
} from "./courses.ts";
import type { CrashEngine } from "./engine.ts";
import { type OperatorFault, steps } from "./evidence.ts";
import { operatorActions } from "./operators/index.ts";
import type { KillableProcess } from "./killable-process.ts";
import type { Targets } from "./targets.ts";

/** The faults of things that have no diary. */
export interface Cuts {
  connectionsCut: number;
  databaseKills: number;
  /** Requests to store a result that were executed, and lost their answer. */
  completionsCut: number;
  /** Requests to store a result that were cut off before they were executed. */
  completionsLost: number;
  /** Requests for a key, and to store a result, that were refused since the service throttled. */
  claimsThrottled: number;
  resultsThrottled: number;
  /** Faults of operators. */
  readonly operations: OperatorFault[];
  /** Reports of processes that did not end when an operator asked them to. */
  readonly stuck: string[];
}

/** How long something is left alone between two faults, milliseconds: [least, most]. */
const peaceMs = {
  api: [300, 1300],
  caller: [100, 700],
  wire: [300, 2000],
  database: [3000, 7000],
  operator: [500, 2000],
} as const;

/**
 * Breaks things for so long. Each API process, the callers, wires and database have a course of their own, which goes
 * through all that can be done to them (API processes share it).
 *
 * @param options.isThorough whether everything is done at least once, however long that takes.
 */
export async function injectFaults(
  targets: Targets,
  options: { seed: number; ms: number; isThorough: boolean; engine: CrashEngine; operations: readonly string[] },
): Promise<Cuts> {
  const cuts: Cuts = {
    connectionsCut: 0,
    databaseKills: 0,
    completionsCut: 0,
    completionsLost: 0,
    claimsThrottled: 0,
    resultsThrottled: 0,
    operations: [],
    stuck: [],
  };
  const onWire = (wire: CutProxy): Action[] => cutsOf(wire, () => (cuts.connectionsCut += 1));
  const { database, leaseMs } = targets;
  const endsAt = performance.now() + options.ms;
  const run = { ...options, goesOn: () => performance.now() <= endsAt };
  await runCourses(run, [
    ...targets.apis.map((api, index) => ({
      name: `API ${index + 1}`,
      peaceMs: peaceMs.api,
      actions: apiActions(api, leaseMs).filter(isShareOf(index, targets.apis.length)),
    })),
    {
      name: "callers",
      peaceMs: peaceMs.caller,
      actions: processActions(
        targets.callers,
        { dieAt: [rightAt("sent"), rightAt("answered")], stopAt: [rightAt("sent"), rightAt("sent")] },
        leaseMs,
      ),
    },
    // A cut answer is not always an order's.
    { name: "wire", peaceMs: peaceMs.wire, actions: [...onWire(targets.wire), ...onWire(targets.wire)] },
    ...operatorCourse(targets, options, cuts),
    ...(database === undefined
      ? []
      : [
          {
            name: "database wire",
            peaceMs: peaceMs.wire,
            actions: [
              ...onWire(database.wire),
              answerCut(database.wire, database.claiming),
              answerCut(database.wire, database.completing, () => (cuts.completionsCut += 1)),
              questionCut(database.wire, database.completing, () => (cuts.completionsLost += 1)),
              questionCut(database.wire, database.completing, () => (cuts.completionsLost += 1)),
            ],
          },
          {
            name: "database",
            peaceMs: peaceMs.database,
            actions: [
              () =>
                database.exclusively(async () => {
                  await database.server.kill();
                  cuts.databaseKills += 1;
                  await database.server.restart();
                }),
            ],
          },
        ]),
  ]);
  return cuts;
}

function operatorCourse(
  targets: Targets,
  { engine, operations }: { engine: CrashEngine; operations: readonly string[] },
  cuts: Cuts,
): Course[] {
  if (operations.length === 0) return [];
  const actions = operatorActions(engine, operations, targets, {
    onFault: (fault) => cuts.operations.push(fault),
    onStuck: (problem) => cuts.stuck.push(problem),
    onThrottled: (asked) => {
      if (asked === "claim") cuts.claimsThrottled += 1;
      if (asked === "result") cuts.resultsThrottled += 1;
    },
  });
  return [{ name: "operator", peaceMs: peaceMs.operator, actions }];
}

function apiActions(api: KillableProcess, leaseMs: number): readonly Action[] {
  const stopAt = [rightAt("granted"), rightAt("granted")];
  return processActions([api], { dieAt: steps.map(rightAt), stopAt }, leaseMs);
}

/** Deals a list out among so many. */
const isShareOf =
  (index: number, count: number) =>
  (_item: unknown, position: number): boolean =>
    position % count === index;
