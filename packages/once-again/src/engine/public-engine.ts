import type { Engine } from "./engine.ts";
import { userExecution } from "./execution.ts";

/** An engine for users, whose work may spread its execution: `{ ...execution }` has its signal and its steps. */
export function publicEngine<Transaction>(engine: Engine<Transaction>): Engine<Transaction> {
  return {
    run: async (operation, work) => engine.run(operation, (execution) => work(userExecution(execution))),
    runUnkeyed: (scope, work) => engine.runUnkeyed(scope, (execution) => work(userExecution(execution))),
    close: () => engine.close(),
  };
}
