import type { Random } from "../../../packages/once-again/src/core/random.ts";

/** Picks one of several. */
export function picker(random: Random): <One>(ones: readonly One[]) => One {
  return (ones) => ones[Math.floor(random() * ones.length)]!;
}
