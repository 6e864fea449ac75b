/** The methods that IANA's registry lists as safe, but for PRI, which only opens a connection of HTTP/2. */
const safe: ReadonlySet<string> = new Set("GET HEAD OPTIONS TRACE QUERY SEARCH PROPFIND REPORT".split(" "));
const idempotent: ReadonlySet<string> = new Set([...safe, "PUT", "DELETE"]);

/** Whether a request with this method asks for no effect at all (RFC 9110, section 9.2.1). Methods are case-sensitive. */
export function isSafeMethod(method: string): boolean {
  return safe.has(method);
}

/** Whether sending this method twice means the same as sending it once (RFC 9110, section 9.2.2). */
export function isIdempotentMethod(method: string): boolean {
  return idempotent.has(method);
}
