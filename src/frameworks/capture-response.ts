import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { joinBytes } from "../core/bytes.ts";
import type { HttpAnswer } from "../server/index.ts";
import { headersOf, type HeadersArgument, setHeaders } from "./node-headers.ts";
import { resultTooLarge } from "./read-bytes.ts";

/** A response that keeps what is written to it, instead of sending it. */
export interface CapturedResponse {
  /**
   * Begins a run of the handler, with the response as it was at first: an earlier run was undone, and is forgotten.
   *
   * @returns the answer, once `end` was called; rejects with `ONCE_RESULT_TOO_LARGE` when more was written by then than
   *   may be kept, and with an error of its own when the response was destroyed instead.
   */
  begin(): Promise<HttpAnswer>;
  /** Sends an answer: the captured one, or another in its place. */
  send(answer: HttpAnswer): void;
}

type Callback = (error?: Error | null) => void;

/** Headers of the connection and the moment. Node never sets again by itself what was removed once, so they stay. */
const ofConnection = new Set(["connection", "keep-alive", "date"]);

/** Headers that follow from the bytes that are sent, whatever the handler said of them. */
const ofBody = new Set(["content-length", "transfer-encoding"]);

/** The methods of a response that a handler answers by, and the one that tells of it. */
const methodNames = ["writeHead", "flushHeaders", "write", "end", "destroy", "emit"] as const;
type Methods = Record<(typeof methodNames)[number], unknown>;

/** What the response would show if it were not taken over, and what the handler's current run has come to. */
interface Taken {
  /** The response's own methods. */
  readonly methods: Methods;
  socket: Socket | null;
  hungUp: boolean;
  body: ReturnType<typeof keptBody>;
  run: PromiseWithResolvers<HttpAnswer>;
}

/**
 * Keeps all that a handler does to a Node response, however it does it (`writeHead`, `write`, `end`, a stream piped
 * into it), so that not a byte goes out before the answer is stored.
 *
 * Until then the response does not show that the caller hung up: a stream piped into it would stop, and with it the
 * operation, which is to end and be kept all the same.
 */
export function captureResponse(response: ServerResponse, bytesMax: number): CapturedResponse {
  const headersBefore = response.getHeaders();
  const statusBefore = response.statusCode;
  // A repeat runs no handler, and most answers may be those of repeats: only a run takes the response over.
  let taken: Taken | undefined;
  return {
    begin() {
      const fresh = { body: keptBody(bytesMax), run: Promise.withResolvers<HttpAnswer>() };
      // A handler that threw is not waited for; what its response comes to later is nobody's concern.
      fresh.run.promise.catch(() => undefined);
      if (taken === undefined) taken = takeOver(response, bytesMax, fresh);
      else {
        restore(response, headersBefore);
        Object.assign(taken, fresh);
      }
      response.statusCode = statusBefore;
      return fresh.run.promise;
    },
    send(answer) {
      if (taken === undefined) return sendAnswer(response, headersBefore, answer);
      const { hungUp, methods, socket } = taken;
      Object.assign(response, methods, { destroyed: hungUp, socket });
      if (hungUp) Reflect.deleteProperty(response, "closed");
      sendAnswer(response, headersBefore, answer);
      // A stream that a failed handler left piped into it must not fail at "write after end".
      Object.assign(response, { write: () => true, end: () => response });
      if (hungUp) response.emit("close");
    },
  };
}

function takeOver(response: ServerResponse, bytesMax: number, run: Pick<Taken, "body" | "run">): Taken {
  const before: Partial<Methods> = {};
  for (const name of methodNames) before[name] = response[name];
  const taken: Taken = { methods: before as Methods, socket: response.socket, hungUp: false, ...run };
  const emit = response.emit.bind(response);
  hideHangUp(response, taken);
  const methods: Record<keyof Methods, (...args: never[]) => unknown> = {
    writeHead(status: number, ...rest: unknown[]) {
      response.statusCode = status;
      setHeaders(response, rest.find((argument) => typeof argument === "object") as HeadersArgument);
      return response;
    },
    flushHeaders: () => undefined,
    write(...args: unknown[]) {
      taken.body.write(...args);
      return true;
    },
    end(...args: unknown[]) {
      taken.body.write(...args);
      // A handler that wrote too much was let on to its end: what it does after its answer is not in its operation.
      const body = taken.body.bytes();
      if (body === undefined) taken.run.reject(resultTooLarge(bytesMax));
      else taken.run.resolve({ status: response.statusCode, headers: headersOf(response), body });
      return response;
    },
    destroy(error?: Error) {
      taken.run.reject(error ?? new Error("The handler destroyed its response."));
      return response;
    },
    emit(event: string, ...args: unknown[]) {
      // The caller left; or an earlier answer on the same connection has gone out, and it is this one's turn.
      if (event === "socket") [taken.socket] = args as [Socket];
      if (event === "close" || event === "socket") hideHangUp(response, taken);
      return event !== "close" && emit(event, ...args);
    },
  };
  Object.assign(response, methods);
  return taken;
}

/** Frameworks look at all of these, and have no answer for a caller who left. A finished response has no socket either. */
function hideHangUp(response: ServerResponse, taken: Taken): void {
  taken.hungUp ||= response.destroyed;
  Object.assign(response, { socket: null, destroyed: false });
  if (taken.hungUp) Object.defineProperty(response, "closed", { value: false, configurable: true });
}

/** Keeps what is given to `write` and `end`, in all their forms. */
function keptBody(bytesMax: number) {
  const chunks: Uint8Array[] = [];
  let length = 0;

  const keep = (chunk: unknown, encoding: unknown): void => {
    if (chunk === null || chunk === undefined || typeof chunk === "function") return;
    const coding = typeof encoding === "string" ? (encoding as BufferEncoding) : undefined;
    // The writer may use its buffer again.
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, coding) : new Uint8Array(chunk as Uint8Array);
    length += bytes.length;
    if (length > bytesMax) chunks.length = 0;
    else chunks.push(bytes);
  };

  return {
    write(...args: unknown[]): void {
      keep(args[0], args[1]);
      const callback = args.find((argument): argument is Callback => typeof argument === "function");
      if (callback !== undefined) queueMicrotask(callback);
    },
    /** All that was written; `undefined` when that is more than may be kept. */
    bytes: () => (length > bytesMax ? undefined : chunks.length === 1 ? chunks[0] : joinBytes(chunks)),
  };
}

/** Takes back what a handler did to the headers. */
function restore(response: ServerResponse, headersBefore: OutgoingHttpHeaders): void {
  for (const name of response.getHeaderNames()) {
    if (!(name in headersBefore) && !ofConnection.has(name)) response.removeHeader(name);
  }
  for (const [name, value] of Object.entries(headersBefore)) response.setHeader(name, value!);
}

/** Sends an answer in place of what the handler set. */
function sendAnswer(
  response: ServerResponse,
  headersBefore: OutgoingHttpHeaders,
  { status, headers, body }: HttpAnswer,
): void {
  restore(response, headersBefore);
  const sent = headers.filter(([name]) => !ofConnection.has(name.toLowerCase()) && !ofBody.has(name.toLowerCase()));
  for (const [name] of sent) response.removeHeader(name);
  for (const [name, value] of sent) response.appendHeader(name, value);
  response.statusCode = status;
  if (status !== 204 && status !== 304) response.setHeader("content-length", body.length);
  // Node writes headers and a text in one piece, and bytes in a second. In Latin-1, each byte is a character.
  response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"), "latin1");
}
