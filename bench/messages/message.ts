/** The message: an order of 200 bytes, to a quorum queue. */

export const queue = "bench";

const fields = { order: "0190b5a4-7a3c-7bd0-9d7c-2f1f4a7f5d11", item: "coffee", amount: 420, currency: "EUR" };
export const body = JSON.stringify({
  ...fields,
  note: "n".repeat(200 - JSON.stringify({ ...fields, note: "" }).length),
});

/** The time of this machine, milliseconds, as two processes of it can compare. */
export const instant = (): number => performance.timeOrigin + performance.now();

/** The value that a share of all is at most; it sorts them. */
export const percentile = (values: number[], share: number): number =>
  values.sort((one, other) => one - other)[Math.floor(values.length * share)] ?? Number.NaN;
