import type { ModelStep } from "./walks.ts";

/** How far a replay came: the steps that agreed, and the first that did not, with the reason. */
export interface ReplayedWalks {
  readonly walks: number;
  readonly steps: number;
  readonly difference: string | undefined;
}

/** The code on one walk. */
export interface Walked {
  /** Has the code take a step, by its name and the number behind it. @throws Error when it does not. */
  execute(what: string, index: number): Promise<void>;
  /** Its state, as the model writes it. */
  stateText(): Promise<string>;
  end(): Promise<void>;
}

/** Takes every walk from the first state, and compares the code with the model after each step, up to the first difference. */
export async function replayWalks(
  walks: readonly ModelStep[][],
  begin: (walk: number) => Walked,
): Promise<ReplayedWalks> {
  let steps = 0;
  for (const [at, walk] of walks.entries()) {
    const code = begin(at);
    try {
      for (const step of walk) {
        const why = await follow(code, step);
        if (why !== undefined)
          return { walks: at, steps, difference: `${step.what}: ${why} (${step.from} > ${step.to})` };
        steps += 1;
      }
    } finally {
      await code.end();
    }
  }
  return { walks: walks.length, steps, difference: undefined };
}

/** Takes a step; returns the reason why the code does not follow. */
async function follow(code: Walked, { to, what }: ModelStep): Promise<string | undefined> {
  const [, name, index] = /^(.*?)(?: (\d))?$/.exec(what)!;
  try {
    await code.execute(name!, Number(index ?? 0));
  } catch (error) {
    return (error as Error).message;
  }
  const state = await code.stateText();
  return state === to ? undefined : `the code is at ${state}`;
}
