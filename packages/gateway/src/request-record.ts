import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * More fields of a record, by choice: an account is a person, and an id is a text of the caller's.
 *
 * - `requestId`: the header `X-Request-Id` of the request, of up to 128 visible ASCII characters.
 * - `trace`: the id of its trace, 32 hexadecimal digits: that of its span, else of its header `traceparent`.
 * - `keyHash`: the first 16 hexadecimal digits of the key's SHA-256, as spans have them.
 * - `account`: its scope.
 * - `outcome`: what became of its operation, as metrics name it: `executed`, `replayed`, `mismatch` and others.
 *
 * The last three are those of requests with a key that the engine has seen.
 */
export const logFields = ["requestId", "trace", "keyHash", "account", "outcome"] as const;
export type LogField = (typeof logFields)[number];

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
  const time = new Date().toISOString();
  response.once("close", () => {
    listener({
      time,
      remoteAddress,
      method,
      path: url.split("?", 1)[0] ?? "",
      ...recorded(notes),
      ...Object.fromEntries(fields.map((field) => [field, readField[field](notes, headers)])),
      status: response.headersSent || response.statusCode === 101 ? response.statusCode : 499,
      bytes: socket.bytesWritten - bytesWritten,
      elapsedMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
    });
  });
}

const recorded = ({ route, replayed, failure }: RequestNotes): Partial<RequestRecord> => ({
  ...(route !== undefined && { route }),
  ...(replayed !== undefined && { replayed }),
  ...(failure !== undefined && { failure }),
});

const readField: Readonly<
  Record<LogField, (notes: RequestNotes, headers: IncomingMessage["headers"]) => string | undefined>
> = {
  requestId: (_, headers) => /^[!-~]{1,128}$/.exec(String(headers["x-request-id"] ?? ""))?.[0],
  trace: ({ trace }, { traceparent = "" }) => trace ?? /^[\da-f]{2}-([\da-f]{32})-/.exec(String(traceparent))?.[1],
  keyHash: ({ key }) => (key === undefined ? undefined : createHash("sha256").update(key).digest("hex").slice(0, 16)),
  account: ({ account }) => account,
  outcome: ({ outcome }) => outcome,
};
