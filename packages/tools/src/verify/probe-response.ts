import { type HeaderList, findHeader } from "./test-request.ts";
import { NoResponse } from "./verdict.ts";

/** A final response of the server. */
export interface ProbeResponse {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
  /** Whether the server ends the connection after it. */
  readonly isLast?: boolean;
  /** Whether it came over a connection that had brought another response before. */
  readonly isReused?: boolean;
}

/**
 * Reads the first final response from the bytes of a connection (RFC 9112, section 6), and returns how many bytes it
 * took; `undefined` while it is not complete. Interim responses (1xx) are skipped.
 *
 * @param ended whether the server has closed: nothing more will come.
 * @throws NoResponse when this is not HTTP/1.1.
 */
export function parseResponse(
  bytes: Buffer,
  ended: boolean,
  requestMethod: string,
): { response: ProbeResponse; length: number } | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] ([1-9]\d\d)(?: |$)/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new NoResponse("what came back is not HTTP/1.1");
  const rest = bytes.subarray(headEnd + 4);
  if (status < 200) {
    const next = parseResponse(rest, ended, requestMethod);
    return next && { ...next, length: next.length + headEnd + 4 };
  }
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const isBodiless = requestMethod === "HEAD" || status === 204 || status === 304;
  const read = isBodiless ? { body: Buffer.alloc(0), length: 0 } : readBody(headers, rest, ended);
  if (read === undefined) return undefined;
  const isLast = endsConnection(statusLine, headers) || (!isBodiless && !isFramed(headers));
  return { response: { status, headers, body: read.body, isLast }, length: headEnd + 4 + read.length };
}

/** Whether the server says, or its version means, that it ends the connection (RFC 9112, section 9.3). */
function endsConnection(statusLine: string, headers: HeaderList): boolean {
  const connection = headers.filter(([name]) => name.toLowerCase() === "connection").map(([, value]) => value);
  const says = (option: string): boolean =>
    new RegExp(String.raw`(^|,)\s*${option}\s*(,|$)`, "i").test(connection.join());
  return says("close") || (statusLine.startsWith("HTTP/1.0") && !says("keep-alive"));
}

/** Whether a body's end shows without the end of its connection. */
const isFramed = (headers: HeaderList): boolean =>
  isChunked(headers) || findHeader({ headers }, "content-length") !== undefined;

const isChunked = (headers: HeaderList): boolean =>
  /(^|,)\s*chunked$/i.test(findHeader({ headers }, "transfer-encoding") ?? "");

interface BodyRead {
  body: Buffer;
  length: number;
}

function readBody(headers: HeaderList, rest: Buffer, ended: boolean): BodyRead | undefined {
  if (isChunked(headers)) return readChunkedBody(rest);
  const declared = findHeader({ headers }, "content-length");
  if (declared === undefined) return ended ? { body: rest, length: rest.length } : undefined;
  if (!/^\d+$/.test(declared)) throw new NoResponse(`its Content-Length is ${JSON.stringify(declared)}`);
  const length = Number(declared);
  return rest.length < length ? undefined : { body: rest.subarray(0, length), length };
}

function readChunkedBody(rest: Buffer): BodyRead | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const line = rest.toString("latin1", at, lineEnd);
    if (!/^[\da-f]{1,8}\s*(;.*)?$/i.test(line)) throw new NoResponse("its chunked coding is broken");
    const size = Number.parseInt(line, 16);
    const start = lineEnd + 2;
    if (size === 0) {
      // Trailers, if any, end with an empty line; without any, that is the one right here.
      const end = rest.subarray(lineEnd).indexOf("\r\n\r\n");
      return end < 0 ? undefined : { body: Buffer.concat(parts), length: lineEnd + end + 4 };
    }
    if (rest.length < start + size + 2) return undefined;
    parts.push(rest.subarray(start, start + size));
    at = start + size + 2;
  }
}
