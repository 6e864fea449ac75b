/** What a JSON text says that a parser does not tell. */
export interface JsonScan {
  /** How many members its objects have; a name that one object has twice counts twice. */
  readonly members: number;
  /** Whether a double can keep each of its numbers. */
  readonly isExact: boolean;
}

const [quote, backslash, colon, minus] = [0x22, 0x5c, 0x3a, 0x2d];
const [zero, nine] = [0x30, 0x39];

/** Looks once through a text that is known to be JSON. */
export function scanJson(text: string): JsonScan {
  let members = 0;
  let areExact = true;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if (code === colon) members += 1;
    else if (code === minus || (code >= zero && code <= nine)) {
      const end = numberEnd(text, at);
      if (areExact && (end < 0 || end - at > digitsMax)) areExact = isExact(text.slice(at, Math.abs(end)));
      at = Math.abs(end) - 1;
    }
  }
  return { members, isExact: areExact };
}

/** Where the quote stands that ends the string which begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === backslash) before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
}

/** Where the number ends that begins at `start`; negative when it has an exponent. */
function numberEnd(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    const code = text.charCodeAt(at);
    const isPlain = (code >= zero && code <= nine) || code === 0x2e;
    if (isPlain) continue;
    if (code !== 0x45 && code !== 0x65) return at;
    do at += 1;
    while (isOfExponent(text.charCodeAt(at)));
    return -at;
  }
}

function isOfExponent(code: number): boolean {
  return (code >= zero && code <= nine) || code === minus || code === 0x2b;
}

/** A number of up to so many digits, without an exponent, is as small and as large as a double can keep (IEEE 754). */
const digitsMax = 15;

/**
 * Whether a decimal literal survives as a double: one of up to 15 significant digits does, as long as it is neither
 * so large nor so small that a double has fewer digits there, and so does what JavaScript itself writes.
 */
function isExact(source: string): boolean {
  if (String(Number(source)) === source) return true;
  const digits = source.replace(/e.*$/i, "").replaceAll(/[-.]/g, "").replace(/^0+/, "");
  const size = Math.abs(Number(source));
  return digits === "" || (digits.length <= digitsMax && size >= 1e-300 && size <= 1e300);
}
