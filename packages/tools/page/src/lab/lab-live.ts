import { signal } from "@preact/signals";
import type { ExchangeView, LiveSettings, LiveState, LiveUpdate } from "../../../src/lab/live/live-protocol.ts";
import { listen, tell } from "../session.ts";

/** So many exchanges the page remembers: those that a story has, and the last ones of a crowd. */
const rememberedMax = 200;

/** The state of the lab; undefined until the console has sent it. */
export const live = signal<LiveState | undefined>(undefined);

/** The last exchanges, the oldest first. */
export const exchanges = signal<readonly ExchangeView[]>([]);

/** The problem of the stream, while it is tried again. */
export const streamProblem = signal<string | undefined>(undefined);

/** Why the last command failed. */
export const commandProblem = signal<string | undefined>(undefined);

/** The exchanges after an update: those that moved, in the place that they had; a new run begins with none. */
export function rememberedAfter(
  remembered: readonly ExchangeView[],
  moved: readonly ExchangeView[],
  isNewRun: boolean,
): readonly ExchangeView[] {
  const all = new Map(isNewRun ? [] : remembered.map((view) => [view.id, view]));
  for (const view of moved) all.set(view.id, view);
  return [...all.values()].slice(-rememberedMax);
}

/** Listens until the returned function is called. `onMoved` gets the exchanges that moved, for drawing. */
export function listenToLab(onMoved: (moved: readonly ExchangeView[], isNewRun: boolean) => void): () => void {
  return listen("lab/live", {
    onEvent(event, data) {
      const { state, exchanges: moved } = data as LiveUpdate;
      const isNewRun = event === "snapshot" || state.run !== live.value?.run || state.orders === 0;
      exchanges.value = rememberedAfter(exchanges.value, moved, isNewRun);
      live.value = state;
      onMoved(moved, isNewRun);
    },
    onState: (problem) => void (streamProblem.value = problem),
  });
}

/** Has the console do something; what went wrong is shown. Answers whether it was done. */
export async function command(path: string, body?: unknown): Promise<boolean> {
  try {
    await tell(`lab/${path}`, body);
    commandProblem.value = undefined;
    return true;
  } catch (error) {
    commandProblem.value = (error as Error).message;
    return false;
  }
}

/** Shows the other of the two stories of requests. A run goes with its story: the other begins anew. */
export async function chooseMode(mode: LiveSettings["mode"]): Promise<void> {
  if (await command("reset")) await command("settings", { mode, speed: mode === "story" ? "slow" : "fast" });
}
