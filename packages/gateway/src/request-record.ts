import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { LogField } from "./log-fields.ts";
import { withoutQuery } from "./path-pattern.ts";
import { whenClosed } from "./when-closed.ts";

/** One request as the access log has it. No query, no header and no body: they may hold secrets. */
export interface RequestRecord {
  /** When it came, ISO 8601. */
  readonly time: string;
  readonly remoteAddress: string | undefined;
  readonly method: string;
  readonly path: string;
  /** The path of the route that keys it, or of the gateway's own, as `/-/health`; missing for what passes through. */
  readonly route?: string | undefined;
  /** 499 where the caller left before there was an answer. */
  readonly status: number;
  /** Whether the answer is that of an earlier request with its key. */
  readonly replayed?: true | undefined;
  /** Why the gateway did not forward it: `no-place`, as the service has too much to do for this caller's share. */
  readonly refused?: "no-place" | undefined;
  /** The failure of the upstream, if any: a code, such as `ECONNREFUSED`, or a sentence. */
  readonly failure?: string | undefined;
  readonly requestId?: string | undefined;
  readonly trace?: string | undefined;
  readonly keyHash?: string | undefined;
  readonly account?: string | undefined;
  readonly outcome?: string | undefined;
  /** Bytes sent to the caller, head included; over HTTP/2, as HTTP/1.1 would send them. */
  readonly bytes: number;
  readonly elapsedMs: number;
}

/** Notes that are taken while a request is served, for its record. */
export interface RequestNotes {
  route?: string;
  replayed?: true;
  refused?: "no-place";
  failure?: string;
  trace?: string;
  key?: string;
  account?: string;
  outcome?: string;
}

/** Notes what the upstream failed with. */
export function noteFailure(notes: RequestNotes, error: Error): void {
  notes.failure = (error as NodeJS.ErrnoException).code ?? error.message;
}

/** Calls a listener with a request when its response has gone out, or its caller has left. */
export function recordRequest(
  request: IncomingMessage,
  response: ServerResponse,
  notes: RequestNotes,
  fields: readonly LogField[],
  listener: (record: RequestRecord) => void,
): void {
  const { socket, headers, method = "", url = "" } = request;
  const { remoteAddress, bytesWritten } = socket;
  const startedAt = performance.now();
  const time = isoTime(Date.now());
  whenClosed(response, () => {
    const record: Writable<Omit<RequestRecord, "status" | "bytes" | "elapsedMs">> = {
      time,
      remoteAddress,
      method,
      path: withoutQuery(url),
    };
    if (notes.route !== undefined) record.route = notes.route;
    if (notes.replayed !== undefined) record.replayed = notes.replayed;
    if (notes.refused !== undefined) record.refused = notes.refused;
    if (notes.failure !== undefined) record.failure = notes.failure;
    for (const field of fields) record[field] = readField[field](notes, headers);
    listener({
      ...record,
      status: response.headersSent || response.statusCode === 101 ? response.statusCode : 499,
      bytes: socket.bytesWritten - bytesWritten,
      elapsedMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
    });
  });
}

type Writable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

let isoMs = Number.NaN;
let isoText = "";

/** A time in ISO 8601. Its text is made once for all requests of one millisecond. */
function isoTime(ms: number): string {
  if (ms === isoMs) return isoText;
  isoMs = ms;
  return (isoText = new Date(ms).toISOString());
}

const readField: Readonly<
  Record<LogField, (notes: RequestNotes, headers: IncomingMessage["headers"]) => string | undefined>
> = {
  requestId: (_, headers) => /^[!-~]{1,128}$/.exec(String(headers["x-request-id"] ?? ""))?.[0],
  trace: ({ trace }, { traceparent = "" }) => trace ?? /^[\da-f]{2}-([\da-f]{32})-/.exec(String(traceparent))?.[1],
  keyHash: ({ key }) => (key === undefined ? undefined : createHash("sha256").update(key).digest("hex").slice(0, 16)),
  account: ({ account }) => account,
  outcome: ({ outcome }) => outcome,
};
