/**
 * Where each HTTP/1.1 request begins and ends in a stream of bytes (RFC 9112, sections 6 and 7.1): enough to let faults
 * fall on single requests of a connection that carries many. Nothing of a body is stored.
 */

/** The start line and the header fields of a request. */
export interface RequestHead {
  readonly method: string;
  /** The request target as sent, mostly path and query. */
  readonly target: string;
  /** By lower-case name; values of repeated fields are joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
}

/** A piece of the stream. The bytes of all pieces together are the bytes of the stream. */
export type RequestPart =
  | { readonly kind: "head"; readonly bytes: Buffer; readonly head: RequestHead }
  | { readonly kind: "body"; readonly bytes: Buffer }
  | { readonly kind: "end" }
  /** Not HTTP/1.1 requests, or no longer (CONNECT, Upgrade): no boundaries are known from here on. */
  | { readonly kind: "opaque"; readonly bytes: Buffer };

/** The state between two chunks. */
export type Framing =
  | { readonly at: "head"; readonly held: Buffer }
  | { readonly at: "counted"; readonly left: number }
  | { readonly at: "chunk-size" | "trailer"; readonly line: string }
  | { readonly at: "chunk-data"; readonly left: number }
  | { readonly at: "opaque" };

/** The state before the first byte. */
export const framingStart: Framing = { at: "head", held: Buffer.alloc(0) };

/** A head or a line of the chunked coding that is longer is not taken for one. Node itself stops at 16 KiB. */
const heldBytesMax = 64 * 1024;

const opaque: Framing = { at: "opaque" };

interface Step {
  readonly framing: Framing;
  readonly parts: readonly RequestPart[];
  readonly rest: Buffer;
}

/** Takes the next chunk of the stream: the pieces it completes, and the state for the chunk after it. */
export function frameRequests(framing: Framing, chunk: Buffer): { framing: Framing; parts: RequestPart[] } {
  const parts: RequestPart[] = [];
  let step: Step = { framing, parts: [], rest: chunk };
  while (step.rest.length > 0) {
    step = nextStep(step.framing, step.rest);
    parts.push(...step.parts);
  }
  return { framing: step.framing, parts };
}

function nextStep(framing: Framing, bytes: Buffer): Step {
  switch (framing.at) {
    case "head":
      return headStep(Buffer.concat([framing.held, bytes]));
    case "counted":
    case "chunk-data": {
      const taken = bytes.subarray(0, framing.left);
      const left = framing.left - taken.length;
      const body: RequestPart = { kind: "body", bytes: taken };
      const rest = bytes.subarray(taken.length);
      if (left > 0) return { framing: { at: framing.at, left }, parts: [body], rest };
      if (framing.at === "counted") return { framing: framingStart, parts: [body, { kind: "end" }], rest };
      return { framing: { at: "chunk-size", line: "" }, parts: [body], rest };
    }
    case "chunk-size":
    case "trailer":
      return lineStep(framing.at, framing.line, bytes);
    case "opaque":
      return { framing, parts: [{ kind: "opaque", bytes }], rest: Buffer.alloc(0) };
  }
}

function headStep(bytes: Buffer): Step {
  // Empty lines before a request line are allowed and mean nothing (RFC 9112, section 2.2).
  let start = 0;
  while (bytes[start] === 0x0d || bytes[start] === 0x0a) start += 1;
  const blank = bytes.indexOf("\r\n\r\n", start);
  if (blank === -1 && bytes.length <= heldBytesMax) {
    return { framing: { at: "head", held: bytes }, parts: [], rest: Buffer.alloc(0) };
  }
  const head = blank === -1 ? undefined : parseHead(bytes.toString("latin1", start, blank));
  const body = head && bodyFraming(head);
  if (head === undefined || body === undefined) return { framing: opaque, parts: [], rest: bytes };
  const parts: RequestPart[] = [{ kind: "head", bytes: bytes.subarray(0, blank + 4), head }];
  if (body.at === "head" || body.at === "opaque") parts.push({ kind: "end" });
  return { framing: body, parts, rest: bytes.subarray(blank + 4) };
}

function parseHead(text: string): RequestHead | undefined {
  const [requestLine = "", ...lines] = text.split("\r\n");
  const request = /^([!#$%&'*+.^_`|~\w-]+) (\S+) HTTP\/1\.[01]$/.exec(requestLine);
  if (request === null) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) return undefined;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { method: request[1]!, target: request[2]!, headers };
}

/**
 * The part that follows a head: a body of one of two kinds, the next head, or something else; undefined if the head
 * contradicts itself.
 */
function bodyFraming({ method, headers }: RequestHead): Framing | undefined {
  // A server that does not speak h2c ignores the offer and goes on in HTTP/1.1, as does the caller.
  const upgrade = headers.get("upgrade")?.toLowerCase() ?? "h2c";
  if (method === "CONNECT" || upgrade !== "h2c") return opaque;
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) return /(^|,)\s*chunked$/i.test(coding) ? { at: "chunk-size", line: "" } : undefined;
  const length = headers.get("content-length") ?? "0";
  const left = Number(length);
  if (!/^\d+$/.test(length) || !Number.isSafeInteger(left)) return undefined;
  return left === 0 ? framingStart : { at: "counted", left };
}

function lineStep(at: "chunk-size" | "trailer", before: string, bytes: Buffer): Step {
  const newline = bytes.indexOf(0x0a);
  const taken = newline === -1 ? bytes : bytes.subarray(0, newline + 1);
  const line = before + taken.toString("latin1");
  const rest = bytes.subarray(taken.length);
  const body: RequestPart = { kind: "body", bytes: taken };
  if (line.length > heldBytesMax) return { framing: opaque, parts: [body], rest };
  if (newline === -1) return { framing: { at, line }, parts: [body], rest };
  if (at === "trailer") {
    const blank = line.trim() === "";
    return blank
      ? { framing: framingStart, parts: [body, { kind: "end" }], rest }
      : { framing: { at, line: "" }, parts: [body], rest };
  }
  const size = /^([\da-f]{1,13})[ \t]*(;.*)?\r?\n$/i.exec(line);
  if (size === null) return { framing: opaque, parts: [body], rest };
  const length = Number.parseInt(size[1]!, 16);
  const framing: Framing =
    length === 0 ? { at: "trailer", line: "" } : { at: "chunk-data", left: length + "\r\n".length };
  return { framing, parts: [body], rest };
}
