/** From where to where a median may lie. */
export type Interval = readonly [low: number, high: number];

/** How sure an interval is to have the median in it, at least, where there are enough values. */
const confidence = 0.95;

/**
 * An interval that has the median of what the values were drawn from, with a confidence of 95%, whatever its distribution
 * (by the sign test). Fewer than six values can't say so much: then it is the smallest and the largest value.
 */
export function medianInterval(values: readonly number[]): Interval {
  const sorted = values.toSorted((one, other) => one - other);
  const cut = valuesOutside(sorted.length);
  return [sorted[cut] ?? Number.NaN, sorted.at(-1 - cut) ?? Number.NaN];
}

/** How many of the smallest, and of the largest, may be left out. */
function valuesOutside(count: number): number {
  let outside = 0;
  // How likely so few of the values are on one side of the median.
  let chance = 0.5 ** count;
  let sum = chance;
  while (sum <= (1 - confidence) / 2) {
    outside += 1;
    chance *= (count - outside + 1) / outside;
    sum += chance;
  }
  return Math.max(0, outside - 1);
}

export const overlap = (one: Interval, other: Interval): boolean => one[0] <= other[1] && other[0] <= one[1];

/** From where to where the ratios of the same to itself lie, whichever is divided by the other: such a ratio says nothing. */
export function noiseOf(ratios: readonly number[]): Interval {
  const [low, high] = medianInterval(ratios);
  return [Math.min(1, low, 1 / high), Math.max(1, high, 1 / low)];
}
