import type { Action } from "../courses.ts";
import type { CrashEngine } from "../engine.ts";
import type { OperatorFault } from "../evidence.ts";
import type { Targets } from "../targets.ts";
import type { OperatorAction } from "./operator-action.ts";
import { databaseFaults } from "./database-faults.ts";
import { processFaults } from "./process-faults.ts";
import { type Asked, serverFaults } from "./server-faults.ts";

/** The faults of a run, of which none is done at the same time as another. */
export function operatorActions(
  engine: CrashEngine,
  names: readonly string[],
  targets: Targets,
  {
    onFault,
    onStuck,
    onThrottled,
  }: {
    onFault: (fault: OperatorFault) => void;
    onStuck: (problem: string) => void;
    onThrottled: (asked: Asked) => void;
  },
): Action[] {
  const faults: Partial<Record<string, OperatorAction>> = {
    ...databaseFaults(engine, targets.keysUrl, names.includes("promoted-standby") ? "*" : ""),
    ...serverFaults(engine, targets, onThrottled),
    ...processFaults(targets, onStuck),
  };
  return names.map((name) => async (random) => {
    const from = Date.now();
    const lives = await faults[name]!(random);
    if (lives === undefined || lives.length > 0) onFault({ name, from, until: Date.now(), lives: lives ?? undefined });
  });
}
