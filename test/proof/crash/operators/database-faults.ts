import { setTimeout } from "node:timers/promises";
import { type Random, uniform } from "../../../../packages/once-again/src/core/random.ts";
import type { Action } from "../courses.ts";
import type { CrashEngine, Operation, Session } from "../engine.ts";
import { faultMs } from "./operator-action.ts";

/** How long between two tries to undo a fault, while the database is away itself, milliseconds. */
const undoPauseMs = 100;

/** How often connections are ended in one fault, and the pause after each, milliseconds. */
const endings = 10;
const endingPauseMs = 200;

/** The work of an operator's session. `false`: the database was away, or the work failed. */
export async function asOperator(
  { operator }: CrashEngine,
  url: string,
  work: (session: Session) => Promise<unknown>,
): Promise<boolean> {
  try {
    await using session = await operator!.session(url);
    await work(session);
    return true;
  } catch {
    return false;
  }
}

/**
 * Faults of a database, by statements.
 *
 * @param url of the database, or the path of its file; not through a wire that is cut.
 * @param standbys its `synchronous_standby_names`, in PostgreSQL.
 */
export function databaseFaults(engine: CrashEngine, url: string, standbys: string): Partial<Record<string, Action>> {
  // The database may be killed in the middle of a fault, which is then over.
  const briefly = (work: (session: Session) => Promise<unknown>): Promise<boolean> => asOperator(engine, url, work);
  const runAll =
    (statements: readonly string[]) =>
    async ({ run }: Session): Promise<void> => {
      for (const statement of statements) await run(statement);
    };
  const last = (random: Random): Promise<void> => setTimeout(uniform(random, ...faultMs));
  const actionOf =
    (operation: Operation): Action =>
    async (random) => {
      if ("repeated" in operation) {
        for (let count = 0; count < endings; count += 1) {
          await briefly(({ run }) => run(operation.repeated));
          await setTimeout(endingPauseMs);
        }
        return;
      }
      await briefly(async (session) => {
        await runAll("held" in operation ? operation.held : operation.done)(session);
        await last(random);
      });
      if (!("undo" in operation)) return;
      while (!(await briefly(runAll(operation.undo)))) await setTimeout(undoPauseMs);
    };
  const operations = Object.entries(engine.operator?.operations(standbys) ?? {});
  return Object.fromEntries(operations.map(([name, operation]) => [name, actionOf(operation)]));
}
