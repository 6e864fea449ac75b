/**
 * Stands in databases for a record that never expires: the last time that a Date can have, milliseconds since the epoch. It is
 * a number in every column, and a time to programs of earlier versions, which leave such a record alone.
 */
export const storedNever = 8_640_000_000_000_000;

/** When a record expires, as it is stored. `Infinity`: never. */
export function storedExpiry(expiresAt: number): number {
  return Math.min(expiresAt, storedNever);
}

/** When a stored record expires, milliseconds since the epoch; `Infinity`: never. */
export function readExpiry(stored: number): number {
  return stored >= storedNever ? Number.POSITIVE_INFINITY : stored;
}
