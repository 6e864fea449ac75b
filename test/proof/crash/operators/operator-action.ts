import type { Random } from "../../../../packages/once-again/src/core/random.ts";

/** What an operator does. It returns the lives that it was done to, where it was not done to all; none: it was not done. */
export type OperatorAction = (random: Random) => Promise<void | readonly string[]>;

/** How long a fault lasts, milliseconds: shorter and longer than a store waits. */
export const faultMs = [1000, 6000] as const;
