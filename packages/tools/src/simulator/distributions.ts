import type { Random } from "once-again";

/** A time until the next of events that come at random, on average after `meanMs`: exponentially distributed. */
export function drawExponentialMs(random: Random, meanMs: number): number {
  // 1 - random() is over 0, so the logarithm is finite.
  return -meanMs * Math.log(1 - random());
}

/** |N(mean, deviation)|, by the method of Box and Muller: how long a message is under way. */
export function drawMessageMs(random: Random, meanMs: number, deviationMs: number): number {
  if (deviationMs === 0) return meanMs;
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.abs(meanMs + deviationMs * normal);
}
