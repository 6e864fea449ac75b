/** A number for people: `1,234.5`. */
export const formatNumber = (value: number): string => value.toLocaleString("en-US");

/** A number of things: `1 order`, `1,234 orders`. */
export const formatCount = (count: number, noun: string): string =>
  `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
