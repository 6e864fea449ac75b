/** The last so many numbers. */
export interface RecentValues {
  readonly size: number;
  add(value: number): void;
  sum(): number;
  /** The least of the values that `share` (over 0, to 1) of them do not exceed: the nearest rank. */
  quantile(share: number): number | undefined;
}

/** @param sizeMax the most values that it holds; the oldest makes room. */
export function recentValues(sizeMax: number): RecentValues {
  const values: number[] = [];
  let oldest = 0;
  let total = 0;
  return {
    get size() {
      return values.length;
    },
    add(value) {
      total += value;
      if (values.length < sizeMax) {
        values.push(value);
        return;
      }
      total -= values[oldest] ?? 0;
      values[oldest] = value;
      oldest = (oldest + 1) % sizeMax;
    },
    sum: () => total,
    quantile: (share) => values.toSorted((one, other) => one - other)[Math.ceil(share * values.length) - 1],
  };
}
