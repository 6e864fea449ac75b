/**
 * A header's value without the white space of HTTP around it: spaces and tabs (RFC 9110, section 5.6.3). `trim` would take a
 * no-break space, too, which is a character of Latin-1: two values would become one.
 */
export function trimHeader(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && isBlank(value.charCodeAt(start))) start += 1;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1;
  return value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
