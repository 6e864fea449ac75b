import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import type { GatewayOptions } from "./gateway-options.ts";
import { callerVersion } from "./http2/local-connection.ts";
import { addressesIn } from "./networks.ts";
import { type ProtectedHeaders, protectedHeaders } from "./protected-headers.ts";

/** Headers as they came: names and values in turn, a repeated one as often as it stood there. */
export type RawHeaders = readonly string[];

/** Headers that belong to one connection, even if `Connection` does not list them (RFC 9110, section 7.6.1). */
const ofConnection: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Headers that only the gateway may send. It sets `Host` itself, and Node has answered `Expect`. */
const ofGateway: ReadonlySet<string> = new Set([
  "expect",
  "host",
  "idempotency-attempt",
  "idempotency-fence",
  "idempotent-replayed",
  "via",
]);

/** Headers about the way of a request, believed only from a trusted proxy. */
const isOfWay = (name: string): boolean =>
  name === "forwarded" || name === "x-real-ip" || name.startsWith("x-forwarded-");

/** How requests are forwarded. */
export interface ForwardingRules {
  readonly names: ProtectedHeaders;
  /** Whether a peer is a proxy in front. */
  readonly trusts: (address: string) => boolean;
  /** How many proxies in front there are at most. */
  readonly proxiesMax: number;
}

/** Reads how requests are forwarded from a gateway's options. */
export function forwardingRules({
  routes,
  callerHeaders = [],
  trustProxy = false,
}: Pick<GatewayOptions, "routes" | "callerHeaders" | "trustProxy">): ForwardingRules {
  const keyHeaders = routes.flatMap(({ keyHeader }) => keyHeader ?? []);
  const names = protectedHeaders([...callerHeaders, ...keyHeaders]);
  if (typeof trustProxy === "object") return { names, trusts: addressesIn(trustProxy), proxiesMax: Infinity };
  // Of a number of proxies the peer is the first.
  const trustsAll = typeof trustProxy === "number" ? trustProxy > 0 : trustProxy;
  return { names, trusts: () => trustsAll, proxiesMax: Number(trustProxy) };
}

/** How a request came to us. */
export interface Arrival {
  readonly remoteAddress: string;
  readonly host: string;
  readonly protocol: "http" | "https";
  readonly httpVersion: string;
  /** Whether a trusted proxy sent it. */
  readonly isFromProxy: boolean;
  /** The peer's, or the last address that a trusted proxy names: those before it are a caller's own word. */
  readonly callerAddress: string;
}

/** @param host its effective host: see `acceptRequest`. */
export function readArrival(request: IncomingMessage, host: string, rules: ForwardingRules): Arrival {
  const { socket } = request;
  const httpVersion = callerVersion(request);
  const protocol = (socket as Partial<TLSSocket>).encrypted === true ? "https" : "http";
  const remoteAddress = socket.remoteAddress?.replace(/^::ffff:/, "") ?? "unknown";
  const isFromProxy = rules.trusts(remoteAddress);
  const callerAddress = isFromProxy ? readCaller(remoteAddress, request, rules) : remoteAddress;
  return { remoteAddress, host, protocol, httpVersion, isFromProxy, callerAddress };
}

/** The address that the last trusted proxy saw. */
function readCaller(
  peer: string,
  { headers }: IncomingMessage,
  { trusts, proxiesMax }: Pick<ForwardingRules, "trusts" | "proxiesMax">,
): string {
  let way = String(headers["x-forwarded-for"] ?? "");
  let address = peer;
  for (let proxies = 0; proxies < proxiesMax && way !== "" && trusts(address); proxies += 1) {
    const lastAt = way.lastIndexOf(",");
    const named = way.slice(lastAt + 1).trim();
    if (isIP(named) === 0) break;
    address = named;
    way = lastAt < 0 ? "" : way.slice(0, lastAt);
  }
  return address;
}

/** The way of a request, as the service gets it: by its last peer, or as a trusted peer reports it. */
export interface RequestWay {
  readonly host: string;
  readonly protocol: string;
  /** Addresses, the first caller's first. */
  readonly forwardedFor: string;
}

/** @param headers as `headersDistinct` of a Node request. */
export function readWay(
  { remoteAddress, host, protocol, isFromProxy }: Arrival,
  headers: Readonly<Record<string, readonly string[] | undefined>>,
): RequestWay {
  if (!isFromProxy) return { host, protocol, forwardedFor: remoteAddress };
  const first = (name: string): string | undefined => headers[name]?.[0]?.split(",", 1)[0]?.trim();
  return {
    host: first("x-forwarded-host") ?? host,
    protocol: first("x-forwarded-proto") ?? protocol,
    forwardedFor: [...(headers["x-forwarded-for"] ?? []), remoteAddress].join(", "),
  };
}

/**
 * The headers of a request as they go to the upstream: without those of the connection and those that only we can say,
 * with what we say of its way (RFC 7239; RFC 9110, section 7.6.3).
 */
export function requestHeaders(raw: RawHeaders, arrival: Arrival, { names }: ForwardingRules): string[] {
  const headers = ["host", arrival.host];
  const named = connectionOptions(raw, names);
  const way: string[] = [];
  let via = "";
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    const value = raw[at + 1]!;
    const lowerCase = name.toLowerCase();
    if (lowerCase === "via") via += `${value}, `;
    if (lowerCase === "te" && /\btrailers\b/i.test(value)) headers.push("te", "trailers");
    if (isOfWay(lowerCase)) way.push(lowerCase, value);
    else if (ofGateway.has(lowerCase) || ofConnection.has(lowerCase) || named.has(lowerCase)) continue;
    else if (!names.isOtherSpelling(lowerCase)) headers.push(name, value);
  }
  addWay(headers, arrival, arrival.isFromProxy ? way : []);
  headers.push("via", `${via}${arrival.httpVersion} once-again`);
  return headers;
}

/**
 * Adds the headers that describe a request's way to the upstream. Those of a trusted proxy are extended in the form in which it says it:
 * the other form would say that the proxy is the caller.
 */
function addWay(headers: string[], arrival: Arrival, way: RawHeaders): void {
  const { remoteAddress, host, protocol } = arrival;
  if (way.length === 0) {
    headers.push("forwarded", forwardedElement(arrival), "x-forwarded-for", remoteAddress);
    headers.push("x-forwarded-host", host, "x-forwarded-proto", protocol);
    return;
  }
  const valuesOf = (wanted: string): string[] => way.filter((_, at) => at % 2 === 1 && way[at - 1] === wanted);
  const forwarded = valuesOf("forwarded");
  if (forwarded.length > 0) headers.push("forwarded", [...forwarded, forwardedElement(arrival)].join(", "));
  if (way.length === forwarded.length * 2) return;
  headers.push("x-forwarded-for", [...valuesOf("x-forwarded-for"), remoteAddress].join(", "));
  for (let at = 0; at < way.length; at += 2) {
    const [name, value] = headerAt(way, at);
    if (name !== "forwarded" && name !== "x-forwarded-for") headers.push(name, value);
  }
  if (valuesOf("x-forwarded-host").length === 0) headers.push("x-forwarded-host", host);
  if (valuesOf("x-forwarded-proto").length === 0) headers.push("x-forwarded-proto", protocol);
}

/** One step of a request's way, as `Forwarded` has it. */
function forwardedElement({ remoteAddress, host, protocol }: Arrival): string {
  const node = remoteAddress.includes(":") ? `"[${remoteAddress}]"` : remoteAddress;
  return `for=${node};host="${host.replaceAll(/["\\]/g, "")}";proto=${protocol}`;
}

/** Protected in every response. */
const always = protectedHeaders();

/** The headers of a response as they go to the caller: without those of the connection. */
export function responseHeaders(raw: RawHeaders): string[] {
  const named = connectionOptions(raw, always);
  const headers: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    const lowerCase = name.toLowerCase();
    if (!ofConnection.has(lowerCase) && !named.has(lowerCase)) headers.push(name, raw[at + 1]!);
  }
  return headers;
}

/**
 * The names that `Connection` declares to be of the connection alone. A caller chooses how long the header is, so it is
 * read in one pass, and each name is looked up once per header.
 */
function connectionOptions(raw: RawHeaders, names: ProtectedHeaders): ReadonlySet<string> {
  let options: Set<string> | undefined;
  for (let at = 0; at < raw.length; at += 2) {
    const [name, value] = headerAt(raw, at);
    if (name.length !== "connection".length || name.toLowerCase() !== "connection") continue;
    options ??= new Set();
    for (const option of value.toLowerCase().split(",")) options.add(option.trim());
  }
  if (options === undefined) return noOptions;
  for (const name of options) if (names.has(name)) options.delete(name);
  return options;
}

const noOptions: ReadonlySet<string> = new Set();

/** Headers as pairs. */
export function headerPairs(raw: RawHeaders): [name: string, value: string][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => headerAt(raw, index * 2));
}

function headerAt(raw: RawHeaders, at: number): [name: string, value: string] {
  return [raw[at] ?? "", raw[at + 1] ?? ""];
}
