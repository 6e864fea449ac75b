const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const ulid = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i;
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The year in which ULIDs came up. What seems to be older is a number of 26 digits that only looks like one. */
const ulidsSince = Date.UTC(2016, 0);

/**
 * When a time-based key was made, in milliseconds since the Unix epoch; `undefined` for any other key.
 *
 * Read from the first 48 bits of a UUIDv7 (RFC 9562, section 5.7) or of a ULID.
 */
export function keyTime(key: string): number | undefined {
  if (uuidV7.test(key)) return Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
  if (!ulid.test(key)) return undefined;
  let time = 0;
  for (const digit of key.slice(0, 10).toUpperCase()) time = time * 32 + crockford.indexOf(digit);
  return time >= ulidsSince ? time : undefined;
}
