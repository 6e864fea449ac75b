import type { Action } from "../courses.ts";
import type { EngineName } from "../engine.ts";
import type { OperatorFault } from "../evidence.ts";
import type { Targets } from "../targets.ts";
import type { OperatorAction } from "./operator-action.ts";
import { databaseFaults } from "./database-faults.ts";
import { processFaults } from "./process-faults.ts";
import { type Asked, serverFaults } from "./server-faults.ts";

const everywhere = ["rolling-restart", "stalled-event-loop"] as const;
// A file's clock is that of its machine, which is right or wrong for all of its processes.
const behindServers = [...everywhere, "moved-clocks"] as const;

/** The faults by operators of a database, of its pooler and of API processes, on purpose or not; by name. */
export const operatorFaults = {
  postgres: [
    "table-lock",
    "ended-connections",
    "standby-away",
    "read-only",
    "full-disk",
    "promoted-standby",
    "restarted-pooler",
    ...behindServers,
  ],
  mariadb: ["table-lock", "ended-connections", "read-only", "full-disk", ...behindServers],
  redis: ["paused-writes", "ended-connections", "full-memory", "full-disk", ...behindServers],
  sqlite: ["table-lock", "full-disk", ...everywhere],
  nats: ["full-disk", ...behindServers],
  // No process's clock counts, so that all of them may be moved.
  dynamodb: ["throttled-requests", ...behindServers],
} as const satisfies Readonly<Record<EngineName, readonly string[]>>;

/** The faults of a run, of which none is done at the same time as another. */
export function operatorActions(
  engine: EngineName,
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
