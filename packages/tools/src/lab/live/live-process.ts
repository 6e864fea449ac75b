import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import type { ProcessView } from "./live-protocol.ts";

/** How long a killed process stays dead, milliseconds: about as long as a supervisor takes, and long enough to be seen. */
const deadMs = 1500;

/** A process of a run that can be watched, and killed at a button. */
export interface LiveProcess {
  readonly view: ProcessView;
  /** Kills it (SIGKILL); a moment later it is started again. Says whether it did: not when it is dead or over already. */
  kill(): Promise<boolean>;
}

/** The parts of such a process. */
export interface LiveProcessParts {
  readonly process: { readonly pid: number; crash(whileDead: () => Promise<void>): Promise<void> };
  /** Whether its work is done. */
  readonly isOver: () => boolean;
  /** Aborted, it ends the run; when the process can't be started again, this aborts it. */
  readonly stop: AbortController;
  /** Called when there is something new to see. */
  readonly onChange: () => void;
}

export function liveProcess({ process, isOver, stop, onChange }: LiveProcessParts): LiveProcess {
  const { signal } = stop;
  let isAlive = true;
  let kills = 0;
  return {
    get view(): ProcessView {
      return { pid: process.pid, state: isOver() ? "done" : isAlive ? "alive" : "killed", kills };
    },
    async kill() {
      if (!isAlive || isOver() || signal.aborted) return false;
      isAlive = false;
      kills += 1;
      onChange();
      try {
        await process.crash(() => sleep(systemClock, deadMs, signal));
      } catch (error) {
        // When the run ends, what is dead stays dead.
        if (!signal.aborted) stop.abort(error);
      }
      isAlive = true;
      onChange();
      return true;
    },
  };
}
