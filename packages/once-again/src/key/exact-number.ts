/** A number of up to so many digits is kept by a double, unless it is larger or smaller than doubles are (IEEE 754). */
const digitsMax = 15;

/**
 * A decimal literal as JavaScript writes its number, if it survives as a double; `undefined` if not. One of up to 15
 * significant digits does, as long as it is neither so large nor so small that a double has fewer digits there, and so does
 * what JavaScript itself writes.
 */
export function exactNumber(source: string): string | undefined {
  const written = String(Number(source));
  if (written === source) return written;
  const digits = source.replace(/e.*$/i, "").replaceAll(/[-.]/g, "").replace(/^0+/, "");
  const size = Math.abs(Number(source));
  const isExact = digits === "" || (digits.length <= digitsMax && size >= 1e-300 && size <= 1e300);
  return isExact ? written : undefined;
}
