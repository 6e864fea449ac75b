import process from "node:process";

/** What a process shall do to itself, as `kill` would from outside, at the next event of this name. */
export interface KillPlan {
  readonly signal: "SIGKILL" | "SIGSTOP";
  readonly at: string;
  /** How long after that, milliseconds; 0: before anything else can happen. */
  readonly afterMs: number;
}

/** Takes a plan back. */
export const noKill = "none";

/**
 * Waits for a plan by IPC; what it returns is called at each event. The end of the parent ends us, too.
 */
export function obeyKillPlans(): (event: string) => void {
  let plan: KillPlan | undefined;
  process.on("message", (message) => void (plan = message === noKill ? undefined : (message as KillPlan)));
  process.once("disconnect", () => process.exit());
  return (event) => {
    if (plan?.at !== event) return;
    const { afterMs, signal } = plan;
    plan = undefined;
    const meet = (): boolean => process.kill(process.pid, signal);
    if (afterMs === 0) meet();
    else setTimeout(meet, afterMs);
  };
}
