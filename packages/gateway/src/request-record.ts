import type { IncomingMessage, ServerResponse } from "node:http";

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
  /** Bytes sent to the caller, head included. */
  readonly bytes: number;
  readonly elapsedMs: number;
}

/** Notes that are taken while a request is served, for its record. */
export interface RequestNotes {
  route?: string;
  replayed?: true;
  failure?: string;
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
  listener: (record: RequestRecord) => void,
): void {
  const { socket, method = "", url = "" } = request;
  const { remoteAddress, bytesWritten } = socket;
  const startedAt = performance.now();
  const time = new Date().toISOString();
  response.once("close", () => {
    listener({
      time,
      remoteAddress,
      method,
      path: url.split("?", 1)[0] ?? "",
      ...notes,
      status: response.headersSent || response.statusCode === 101 ? response.statusCode : 499,
      bytes: socket.bytesWritten - bytesWritten,
      elapsedMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
    });
  });
}
