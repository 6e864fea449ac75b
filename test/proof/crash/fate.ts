import process from "node:process";

/** What a process shall do to itself, as `kill` would from outside, at the next event of this name. */
export interface Fate {
  readonly signal: "SIGKILL" | "SIGSTOP";
  readonly at: string;
  /** How long after that, milliseconds; 0: before anything else can happen. */
  readonly afterMs: number;
}

/** Takes a fate back. */
export const noFate = "none";

/**
 * Waits for a fate to be told by IPC; what it returns is called at each event. The end of the parent ends us, too.
 */
export function mortal(): (event: string) => void {
  let fate: Fate | undefined;
  process.on("message", (message) => void (fate = message === noFate ? undefined : (message as Fate)));
  process.once("disconnect", () => process.exit());
  return (event) => {
    if (fate?.at !== event) return;
    const { afterMs, signal } = fate;
    fate = undefined;
    const meet = (): boolean => process.kill(process.pid, signal);
    if (afterMs === 0) meet();
    else setTimeout(meet, afterMs);
  };
}
