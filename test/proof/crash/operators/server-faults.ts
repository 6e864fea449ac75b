import { setTimeout } from "node:timers/promises";
import { uniform } from "../../../../packages/once-again/src/core/random.ts";
import type { EngineName } from "../engine.ts";
import type { Targets } from "../targets.ts";
import { asOperator } from "./database-faults.ts";
import { faultMs, type OperatorAction } from "./operator-action.ts";

/** Statements that make the database need room at once, which it may have in files that it writes anew; by engine. */
const roomTaking: Partial<Record<EngineName, string>> = {
  postgres: "SELECT pg_switch_wal()",
  sqlite: "PRAGMA wal_checkpoint(TRUNCATE)",
};

/** How often a full disk is filled once more, while the database frees what it can, milliseconds. */
const refillMs = 100;

/** The faults of the database as a program, and of its disk and pooler. */
export function serverFaults(
  engine: EngineName,
  { database, disk, pooler, promote, keysUrl }: Targets,
): Partial<Record<string, OperatorAction>> {
  const exclusively = database?.exclusively ?? ((work) => work());
  return {
    ...(disk && {
      "full-disk": (random) =>
        exclusively(async () => {
          const endsAt = performance.now() + uniform(random, ...faultMs);
          const statement = roomTaking[engine];
          if (statement !== undefined) await asOperator(engine, keysUrl, ({ run }) => run(statement));
          while (performance.now() < endsAt) {
            await disk.fill();
            await setTimeout(refillMs);
          }
          disk.free();
          // Some end when they can't write, and NATS takes no more until it is started anew.
          if (database && (database.server.pid === undefined || engine === "nats")) await database.server.restart();
        }),
    }),
    ...(promote && { "promoted-standby": () => exclusively(promote) }),
    ...(pooler && { "restarted-pooler": () => pooler.restart() }),
  };
}
