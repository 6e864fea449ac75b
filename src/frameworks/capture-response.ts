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
  const emit = response.emit.bind(response);
  let body = keptBody(bytesMax);
  let run: PromiseWithResolvers<HttpAnswer> | undefined;
  let hungUp = false;
  let socket: Socket | null = null;
  // A repeat runs no handler, and most answers may be those of repeats: only a run is worth so many properties.
  let reveal: (() => void) | undefined;

  const properties: PropertyDescriptorMap = {
    writeHead: {
      value: (status: number, ...rest: unknown[]) => {
        response.statusCode = status;
        setHeaders(response, rest.find((argument) => typeof argument === "object") as HeadersArgument);
        return response;
      },
    },
    flushHeaders: { value: () => undefined },
    write: {
      value: (...args: unknown[]) => {
        body.write(...args);
        return true;
      },
    },
    end: {
      value: (...args: unknown[]) => {
        body.write(...args);
        // A handler that wrote too much was let on to its end: what it does after its answer is not in its operation.
        const bytes = body.bytes();
        if (bytes === undefined) run?.reject(resultTooLarge(bytesMax));
        else run?.resolve({ status: response.statusCode, headers: headersOf(response), body: bytes });
        return response;
      },
    },
    destroy: {
      value: (error?: Error) => {
        run?.reject(error ?? new Error("The handler destroyed its response."));
        return response;
      },
    },
    emit: { value: (event: string, ...args: unknown[]) => event !== "close" && emit(event, ...args) },
    // Frameworks look at the socket, too, and have no answer for a caller who left. A finished response has none either.
    // Node sets it meanwhile, when an earlier answer on the same connection has gone out.
    socket: { get: () => null, set: (value: Socket | null) => (socket = value) },
    closed: { value: false },
    destroyed: { get: () => false, set: (value: boolean) => (hungUp = value) },
  };

  return {
    begin() {
      if (run !== undefined) restore(response, headersBefore);
      if (reveal === undefined) {
        hungUp = response.destroyed;
        ({ socket } = response);
        reveal = shadow(response, properties);
      }
      response.statusCode = statusBefore;
      body = keptBody(bytesMax);
      run = Promise.withResolvers();
      // A handler that threw is not waited for; what its response comes to later is nobody's concern.
      run.promise.catch(() => undefined);
      return run.promise;
    },
    send(answer) {
      if (reveal === undefined) return sendAnswer(response, headersBefore, answer);
      reveal();
      Object.assign(response, { destroyed: hungUp, socket });
      sendAnswer(response, headersBefore, answer);
      // A stream that a failed handler left piped into it must not fail at "write after end".
      shadow(response, { write: { value: () => true }, end: { value: () => response } });
      if (hungUp) response.emit("close");
    },
  };
}

/** Keeps what is given to `write` and `end`, in all their forms. */
function keptBody(bytesMax: number) {
  const chunks: Uint8Array[] = [];
  let length = 0;

  const keep = (chunk: unknown, encoding: unknown): void => {
    if (chunk === null || chunk === undefined || typeof chunk === "function") return;
    const coding = typeof encoding === "string" ? (encoding as BufferEncoding) : undefined;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, coding) : (chunk as Uint8Array);
    length += bytes.length;
    // The writer may use its buffer again.
    if (length > bytesMax) chunks.length = 0;
    else chunks.push(Uint8Array.from(bytes));
  };

  return {
    write(...args: unknown[]): void {
      keep(args[0], args[1]);
      const callback = args.find((argument): argument is Callback => typeof argument === "function");
      if (callback !== undefined) queueMicrotask(callback);
    },
    /** All that was written; `undefined` when that is more than may be kept. */
    bytes: () => (length > bytesMax ? undefined : joinBytes(chunks)),
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

/** Gives an object properties in place of its own, and returns a function that takes them away again. */
function shadow(object: object, properties: PropertyDescriptorMap): () => void {
  const before = Object.keys(properties).map((name) => [name, Object.getOwnPropertyDescriptor(object, name)] as const);
  for (const [name, property] of Object.entries(properties)) {
    // Who comes behind us may put something before these, as compression does.
    const writable = "value" in property ? { writable: true } : {};
    Object.defineProperty(object, name, { configurable: true, ...writable, ...property });
  }
  return () => {
    for (const [name, property] of before) {
      if (property === undefined) Reflect.deleteProperty(object, name);
      else Object.defineProperty(object, name, property);
    }
  };
}
