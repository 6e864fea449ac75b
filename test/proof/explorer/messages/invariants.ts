import type { InvariantName } from "../../invariants.ts";
import type { MessageConfiguration } from "./configuration.ts";
import type { MessageWorld } from "./world.ts";

/** The invariants that a world breaks, beside those that single steps do. */
export function brokenIn({ effects }: MessageWorld): InvariantName[] {
  return effects.some((count) => count > 1) ? ["one-effect"] : [];
}

/** The invariants that are broken where nothing can happen any more. */
export function brokenAtTheEnd(world: MessageWorld, { keys }: MessageConfiguration): InvariantName[] {
  const { commits, published, rows, copies, letters, effects, consumers, relays } = world;
  const broken: InvariantName[] = [];
  const parked = rows.filter(({ isParked }) => isParked);
  const isVisible = (message: number): boolean =>
    rows.some((row) => row.message === message) &&
    parked.some((row) => row.message === message || (row.key !== null && row.key === keys[message]));
  const isSettled = (message: number): boolean => effects[message]! > 0 || letters.includes(message);
  if (!commits.every((message) => published.includes(message) || isVisible(message))) {
    broken.push("every-commit-is-published");
  }
  const isQuiet = copies.length === 0 && relays.every((claim) => claim === undefined);
  const isIdle = consumers.every(({ phase }) => phase === "idle");
  if (!isQuiet || !isIdle || !published.every(isSettled)) broken.push("every-message-ends");
  return broken;
}
