import type { RecordName } from "../../../packages/once-again/src/stores/store.ts";
import type { Diary } from "./diary.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** One run of a handler. */
export interface HandlerRun extends RecordName {
  readonly process: SimulatedProcess;
  readonly life: number;
  hasEffect: boolean;
  /** Whether its operation was answered, by its handler or by other code. */
  isAnswered: boolean;
  readonly inTransaction: boolean;
}

/** The handler's runs without a stored result: a crash or a stand-still meets them. */
export interface Executions {
  begin(run: Omit<HandlerRun, "life" | "hasEffect" | "isAnswered">): HandlerRun;
  /** Whatever run of this name was going on is over. */
  end(process: SimulatedProcess, name: RecordName): void;
  crashed(process: SimulatedProcess): void;
  stoodStill(process: SimulatedProcess): void;
}

export function executions({ window }: Diary): Executions {
  const running = new Set<HandlerRun>();
  const of = (process: SimulatedProcess): HandlerRun[] => [...running].filter((run) => run.process === process);
  return {
    begin(run) {
      const begun: HandlerRun = { ...run, life: run.process.life, hasEffect: false, isAnswered: false };
      running.add(begun);
      return begun;
    },
    end(process, { scope, key }) {
      for (const run of of(process)) if (run.scope === scope && run.key === key) running.delete(run);
    },
    crashed(process) {
      for (const run of of(process)) {
        running.delete(run);
        if (run.inTransaction) window("crash inside a transaction");
        else window(run.hasEffect ? "crash between effect and completion" : "crash between claim and effect");
      }
    },
    stoodStill(process) {
      if (of(process).length > 0) window("process stood still longer than its lease while it worked");
    },
  };
}
