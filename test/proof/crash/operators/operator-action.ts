import type { Random } from "../../../../packages/once-again/src/core/random.ts";

/** An operator's action. Returns the lives that it hit, unless it hit all; an empty list: it was not done. */
export type OperatorAction = (random: Random) => Promise<void | readonly string[]>;

/** How long a fault lasts, milliseconds: shorter and longer than a store waits. */
export const faultMs = [1000, 6000] as const;
