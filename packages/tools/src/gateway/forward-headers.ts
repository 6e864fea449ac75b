import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";

/** Headers as they came: names and values in turn, a repeated one as often as it stood there. */
export type RawHeaders = readonly string[];

/** What belongs to one connection whatever `Connection` says (RFC 9110, section 7.6.1). */
const ofConnection: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** What a request says of its way, or of us: only we can know. `Host` is set anew, and an expectation by who can keep it. */
const ofGateway: ReadonlySet<string> = new Set([
  "expect",
  "forwarded",
  "host",
  "idempotency-attempt",
  "idempotency-fence",
  "idempotent-replayed",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
]);

/** What nobody may name in `Connection` to have it gone: a message can't be read, or a caller not known, without it. */
const endToEnd: ReadonlySet<string> = new Set([
  "authorization",
  "content-length",
  "content-type",
  "cookie",
  "host",
  "idempotency-key",
]);

/** How a request came to us. */
export interface Arrival {
  readonly remoteAddress: string;
  readonly host: string;
  readonly protocol: "http" | "https";
  readonly httpVersion: string;
}

export function arrivalOf({ socket, httpVersion }: IncomingMessage): Omit<Arrival, "host"> {
  const protocol = (socket as Partial<TLSSocket>).encrypted === true ? "https" : "http";
  return { remoteAddress: socket.remoteAddress?.replace(/^::ffff:/, "") ?? "unknown", protocol, httpVersion };
}

/**
 * The headers of a request as they go to the upstream: without those of the connection and those that only we can say,
 * with what we say of its way (RFC 7239; RFC 9110, section 7.6.3).
 */
export function requestHeaders(raw: RawHeaders, { remoteAddress, host, protocol, httpVersion }: Arrival): string[] {
  const headers = ["host", host];
  const named = connectionOptions(raw);
  let via = "";
  for (let at = 0; at < raw.length; at += 2) {
    const [name, value] = headerAt(raw, at);
    const lowerCase = name.toLowerCase();
    if (lowerCase === "via") via += `${value}, `;
    if (lowerCase === "te" && /\btrailers\b/i.test(value)) headers.push("te", "trailers");
    if (!ofGateway.has(lowerCase) && !ofConnection.has(lowerCase) && !named.has(lowerCase)) {
      headers.push(name, value);
    }
  }
  const node = remoteAddress.includes(":") ? `"[${remoteAddress}]"` : remoteAddress;
  headers.push("forwarded", `for=${node};host="${host.replaceAll(/["\\]/g, "")}";proto=${protocol}`);
  headers.push("x-forwarded-for", remoteAddress, "x-forwarded-host", host, "x-forwarded-proto", protocol);
  headers.push("via", `${via}${httpVersion} once-again`);
  return headers;
}

/** The headers of a response as they go to the caller: without those of the connection. */
export function responseHeaders(raw: RawHeaders): string[] {
  const named = connectionOptions(raw);
  const headers: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const [name, value] = headerAt(raw, at);
    const lowerCase = name.toLowerCase();
    if (!ofConnection.has(lowerCase) && !named.has(lowerCase)) headers.push(name, value);
  }
  return headers;
}

/**
 * The names that `Connection` declares to be of the connection alone. A caller chooses how long the header is, so it is
 * read in one pass, and each name is looked up once per header.
 */
function connectionOptions(raw: RawHeaders): ReadonlySet<string> {
  const options = new Set<string>();
  for (let at = 0; at < raw.length; at += 2) {
    const [name, value] = headerAt(raw, at);
    if (name.length !== "connection".length || name.toLowerCase() !== "connection") continue;
    for (const option of value.toLowerCase().split(",")) options.add(option.trim());
  }
  for (const name of endToEnd) options.delete(name);
  return options;
}

/** Headers as pairs. */
export function headerPairs(raw: RawHeaders): [name: string, value: string][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => headerAt(raw, index * 2));
}

function headerAt(raw: RawHeaders, at: number): [name: string, value: string] {
  return [raw[at] ?? "", raw[at + 1] ?? ""];
}
