import { type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { joinBytes } from "../core/bytes.ts";
import type { HttpAnswer } from "../server/index.ts";
import {
  hasNoHeaders,
  type HeaderList,
  type HeadersArgument,
  headersOf,
  headersToWrite,
  setHeaders,
} from "./node-headers.ts";
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

type Method = (this: TakenResponse, ...args: never[]) => unknown;

/** The methods that a handler answers by, and the one that tells of it. */
type Methods = Record<"writeHead" | "flushHeaders" | "write" | "end" | "destroy" | "emit", Method>;

const taken = Symbol("taken over");

interface TakenResponse extends ServerResponse {
  [taken]: Taken;
}

/**
 * Keeps all that a handler does to a Node response, however it does it (`writeHead`, `write`, `end`, a stream piped
 * into it), so that not a byte goes out before the answer is stored.
 *
 * Until then the response does not show that the caller hung up: a stream piped into it would stop, and with it the
 * operation, which is to end and be kept all the same.
 */
export function captureResponse(response: ServerResponse, bytesMax: number): CapturedResponse {
  const headersBefore = hasNoHeaders(response) ? undefined : response.getHeaders();
  const statusBefore = response.statusCode;
  // A repeat runs no handler, and most answers may be those of repeats: only a run takes the response over.
  let own: Taken | undefined;
  return {
    begin() {
      if (own === undefined) own = takeOver(response, bytesMax);
      else restoreHeaders(response, headersBefore);
      response.finished = false;
      response.statusCode = statusBefore;
      return own.begin();
    },
    send(answer) {
      if (own !== undefined) giveBack(response, own);
      sendAnswer(response, headersBefore, answer);
      if (own === undefined) return;
      // A stream that a failed handler left piped into it must not fail at "write after end".
      setMethods(response, { ...own.methods, ...lateMethods });
      if (own.hungUp) response.emit("close");
    },
  };
}

/** What the response would show if it were not taken over, and what the handler's current run has come to. */
class Taken {
  /** The response's own methods. */
  readonly methods: Methods;
  socket: Socket | null;
  hungUp = false;
  /** What `writeHead` was given when no header was set. */
  head: HeaderList | undefined;
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  /** Bytes in them, or more than may be kept. */
  #length = 0;
  #run: PromiseWithResolvers<HttpAnswer> | undefined;

  constructor(response: ServerResponse, bytesMax: number) {
    this.methods = methodsOf(response);
    this.socket = response.socket;
    this.#bytesMax = bytesMax;
  }

  /** Begins a run. @returns its answer. */
  begin(): Promise<HttpAnswer> {
    this.head = undefined;
    this.#chunks = [];
    this.#length = 0;
    const run = Promise.withResolvers<HttpAnswer>();
    // A handler that threw is not waited for; what its response comes to later is nobody's concern.
    run.promise.catch(ignore);
    this.#run = run;
    return run.promise;
  }

  /** Keeps what is given to `write` and `end`, in all their forms. */
  write(args: readonly unknown[]): void {
    const [chunk, encoding] = args;
    if (chunk !== null && chunk !== undefined && typeof chunk !== "function") {
      const coding = typeof encoding === "string" ? (encoding as BufferEncoding) : undefined;
      // The writer may use its buffer again.
      const bytes = typeof chunk === "string" ? Buffer.from(chunk, coding) : Buffer.from(chunk as Uint8Array);
      this.#length += bytes.length;
      if (this.#length > this.#bytesMax) this.#chunks.length = 0;
      else this.#chunks.push(bytes);
    }
    const callback = args.find((argument): argument is Callback => typeof argument === "function");
    if (callback !== undefined) queueMicrotask(callback);
  }

  /** A handler that wrote too much was let on to its end: what it does after its answer is not in its operation. */
  end(status: number, headers: HeaderList): void {
    if (this.#length > this.#bytesMax) return this.fail(resultTooLarge(this.#bytesMax));
    const [whole] = this.#chunks.length === 1 ? this.#chunks : [];
    this.#run?.resolve({ status, headers, body: whole ?? joinBytes(this.#chunks) });
  }

  fail(error: Error): void {
    this.#run?.reject(error);
  }
}

const ignore = (): void => undefined;

/** Those of a response that was sent: what is written late is dropped. */
const lateMethods = {
  write: () => true,
  end(this: TakenResponse) {
    return this;
  },
};

/**
 * Those of a response that was taken over. One function each for all responses: one that is made for a response, and
 * put on it, keeps it from being collected.
 */
const takenMethods: Methods = {
  writeHead(this: TakenResponse, status: number, ...rest: unknown[]) {
    this.statusCode = status;
    const headers = rest.find((argument) => typeof argument === "object" && argument !== null) as HeadersArgument;
    if (headers === undefined) return this;
    const isFirst = this[taken].head === undefined && hasNoHeaders(this);
    const head = isFirst && !Array.isArray(headers) ? headersToWrite(headers) : undefined;
    // What is of the connection goes out, whatever answer does.
    if (head?.every(([name]) => !ofConnection.has(name))) this[taken].head = head;
    else setHeaders(this, headers);
    return this;
  },
  flushHeaders: ignore,
  write(this: TakenResponse, ...args: unknown[]) {
    this[taken].write(args);
    return true;
  },
  end(this: TakenResponse, ...args: unknown[]) {
    const own = this[taken];
    own.write(args);
    // What is behind `writableEnded`: frameworks wait for the end of a response that does not show it.
    this.finished = true;
    const head = own.head?.filter(([name]) => !this.hasHeader(name)) ?? [];
    own.end(this.statusCode, [...head, ...headersOf(this)]);
    return this;
  },
  destroy(this: TakenResponse, error?: Error) {
    this[taken].fail(error ?? new Error("The handler destroyed its response."));
    return this;
  },
  emit(this: TakenResponse, event: string, ...args: unknown[]) {
    const own = this[taken];
    // The caller left; or an earlier answer on the same connection has gone out, and it is this one's turn.
    if (event === "socket") [own.socket] = args as [Socket];
    if (event === "close" || event === "socket") hideHangUp(this, own);
    return event !== "close" && Reflect.apply(own.methods.emit, this, [event, ...args]);
  },
};

function takeOver(response: ServerResponse, bytesMax: number): Taken {
  const own = new Taken(response, bytesMax);
  (response as TakenResponse)[taken] = own;
  hideHangUp(response, own);
  setMethods(response, takenMethods);
  return own;
}

function giveBack(response: ServerResponse, { methods, hungUp, socket }: Taken): void {
  setMethods(response, methods);
  response.finished = false;
  // Its type has it read-only.
  Object.assign(response, { destroyed: hungUp, socket });
  if (hungUp) Reflect.deleteProperty(response, "closed");
}

function methodsOf({ writeHead, flushHeaders, write, end, destroy, emit }: Methods): Methods {
  return { writeHead, flushHeaders, write, end, destroy, emit };
}

function setMethods(response: Methods, { writeHead, flushHeaders, write, end, destroy, emit }: Methods): void {
  response.writeHead = writeHead;
  response.flushHeaders = flushHeaders;
  response.write = write;
  response.end = end;
  response.destroy = destroy;
  response.emit = emit;
}

/** Frameworks look at all of these, and have no answer for a caller who left. A finished response has no socket either. */
function hideHangUp(response: ServerResponse, own: Taken): void {
  own.hungUp ||= response.destroyed;
  Object.assign(response, { socket: null, destroyed: false });
  if (own.hungUp) Object.defineProperty(response, "closed", { value: false, configurable: true });
}

/** Takes back what a handler did to the headers. */
function restoreHeaders(response: ServerResponse, headersBefore: OutgoingHttpHeaders = {}): void {
  for (const name of response.getHeaderNames()) {
    if (!(name in headersBefore) && !ofConnection.has(name)) response.removeHeader(name);
  }
  for (const [name, value] of Object.entries(headersBefore)) response.setHeader(name, value!);
}

/** Sends an answer in place of what the handler set. */
function sendAnswer(
  response: ServerResponse,
  headersBefore: OutgoingHttpHeaders | undefined,
  { status, headers, body }: HttpAnswer,
): void {
  const sent = headers.filter(([name]) => !ofConnection.has(name.toLowerCase()) && !ofBody.has(name.toLowerCase()));
  const length = status === 204 || status === 304 ? [] : [["content-length", String(body.length)] as const];
  restoreHeaders(response, headersBefore);
  // What is set header by header costs several times as much. But who put a function of its own in the place of
  // `writeHead`, as `on-headers` does, may not know this form.
  if (hasNoHeaders(response) && response.writeHead === ServerResponse.prototype.writeHead) {
    response.writeHead(status, [...sent, ...length].flat());
  } else {
    for (const [name] of sent) response.removeHeader(name);
    for (const [name, value] of [...sent, ...length]) response.appendHeader(name, value);
    response.statusCode = status;
  }
  // Node writes headers and a text in one piece, and bytes in a second. In Latin-1, each byte is a character.
  response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"), "latin1");
}
