/** Two hexadecimal digits for each byte. */
const digits = Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1));

/**
 * A UUID of version 7 (RFC 9562, section 5.7): 48 bits of time, and 74 random ones.
 *
 * @param timeMs milliseconds since the epoch.
 * @param random sixteen bytes. They are changed.
 */
export function uuidV7(timeMs: number, random: Uint8Array): string {
  for (let at = 5, left = Math.floor(timeMs); at >= 0; at -= 1, left = Math.floor(left / 256)) random[at] = left % 256;
  random[6] = 0x70 | (random[6]! & 0x0f);
  random[8] = 0x80 | (random[8]! & 0x3f);
  let text = "";
  for (let at = 0; at < 16; at += 1) text += (at > 3 && at < 11 && at % 2 === 0 ? "-" : "") + digits[random[at]!];
  return text;
}
