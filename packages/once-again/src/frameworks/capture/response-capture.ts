import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { OnceAgainError } from "../../core/errors.ts";
import type { HttpResponse } from "../../http/index.ts";
import { resultTooLargeError } from "../errors.ts";
import { DetachedExchange } from "./detached-exchange.ts";
import type { SocketOwner } from "./detached-socket.ts";
import { copyOfHeaders, type HeaderList, headersIn, headersOver, headersRemoved } from "./node-headers.ts";
import { fieldsOf } from "./node-private.ts";
import { RecordedResponse } from "./recorded-response.ts";
import { isAnswered, sendResponse } from "./send-response.ts";

const current = Symbol("run");

interface CapturedResponse extends ServerResponse {
  [current]?: Run;
}

/**
 * Captures the response that a handler writes, however it does (`writeHead`, `write`, `end`, a stream piped into it), so
 * that not a byte goes out before the response is stored.
 *
 * While the handler runs, its request and response are on a detached socket: they are complete, and see nothing of what
 * the caller does. See docs/decisions/node-capture.md.
 */
export class ResponseCapture {
  readonly #response: CapturedResponse;
  readonly #request: IncomingMessage;
  readonly #bytesMax: number;
  readonly #headersBefore: OutgoingHttpHeaders | undefined;
  readonly #statusBefore: number;
  /** Only a run needs them: most responses may be those of repeats. */
  #exchange: DetachedExchange | undefined;
  #run: Run | undefined;
  /** Whether the handler is at work, and its response is the operation's. */
  #isHandling = false;
  #isSentBeside = false;

  constructor(response: ServerResponse, request: IncomingMessage, bytesMax: number) {
    this.#response = response;
    this.#request = request;
    this.#bytesMax = bytesMax;
    this.#headersBefore = copyOfHeaders(response);
    this.#statusBefore = response.statusCode;
  }

  /** Whether a run has begun. */
  get hasBegun(): boolean {
    return this.#run !== undefined;
  }

  /**
   * Begins a run of the handler, with the response as it was at first: an earlier run of it is undone.
   *
   * @param listener is called once: with the response when it was ended, with `ONCE_RESULT_TOO_LARGE` when it is larger
   *   than may be stored, and with another error when it was destroyed instead.
   */
  begin(listener: RunListener): void {
    const [response, headers] = [this.#response, this.#headersBefore];
    this.#exchange ??= new DetachedExchange(this.#request, response, { status: this.#statusBefore, headers });
    const run = new Run(this.#exchange, headers, this.#bytesMax, listener);
    // An earlier run has no say in this one.
    if (this.#run !== undefined) this.#run.isSettled = true;
    this.#run = run;
    this.#isHandling = true;
    response[current] = run;
    this.#exchange.begin(run, run.finished);
  }

  /** The handler has ended: nothing that it writes later counts. */
  endHandling(): void {
    this.#isHandling = false;
    if (!this.#isSentBeside) return;
    this.#run!.isOver = true;
    this.#exchange!.leave();
  }

  /**
   * Sends a response: the captured one, or another in its place. Nothing is sent where something else has responded, and
   * a plain 500 in the place of a response that can't be sent. A handler that is still at work goes on, and its run ends
   * with the response that it writes.
   *
   * @returns the reason why the response could not be sent.
   */
  send(sent: HttpResponse): unknown {
    const [response, exchange, run] = [this.#response, this.#exchange, this.#run];
    if (exchange === undefined || run === undefined) {
      return isAnswered(response) ? undefined : sendResponse(response, this.#headersBefore, sent, undefined);
    }
    if (this.#isHandling && !run.isSettled) {
      const beside = exchange.openBeside();
      if (beside !== undefined) {
        this.#isSentBeside = true;
        return isAnswered(beside) ? undefined : sendResponse(beside, this.#headersBefore, sent, undefined);
      }
    }
    run.isOver = true;
    const captured = run.captured?.body === sent.body ? run.captured : undefined;
    exchange.attach();
    if (captured !== undefined && exchange.canSendAsWritten && run.recorded.isConsistent) {
      const lines = linesBeside(captured.headers, sent.headers);
      exchange.sendAsWritten((write) => run.recorded.send(lines, write));
      return undefined;
    }
    const asHandled = captured && { ...captured, ...run.head };
    exchange.renew();
    if (isAnswered(response)) return undefined;
    const fault = sendResponse(response, this.#headersBefore, sent, asHandled);
    // A stream that is still piped into it must not fail the process by "write after end".
    Object.assign(response, lateMethods);
    return fault;
  }
}

/**
 * Notes what a handler threw, for a framework that makes responses of errors: an error that says that
 * nothing happened decides, whatever the response will be. A response that is being written fails: what was written of
 * it is half a response, and no error page can follow it.
 */
export function recordNoEffect(response: ServerResponse, error: unknown): void {
  const run = (response as CapturedResponse)[current];
  if (run === undefined || run.isOver) return;
  if (response.headersSent) return run.fail(error);
  if (OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) run.noEffect = error;
}

/**
 * Fails the run of a handler that writes to a response, if there is one, whatever was written.
 *
 * @returns whether there is one, which responds then.
 */
export function failRun(response: ServerResponse, error: unknown): boolean {
  const run = (response as CapturedResponse)[current];
  run?.fail(error);
  return run !== undefined;
}

/** How a run of a handler ended. */
export interface RunListener {
  responded(response: HttpResponse): void;
  failed(error: unknown): void;
}

/** One run of a handler, from its first byte to the end of its response. */
class Run implements SocketOwner {
  readonly recorded: RecordedResponse;
  /** What the handler threw, if that says that nothing happened. */
  noEffect: OnceAgainError | undefined;
  /** Whether a response goes out: what comes later is dropped. */
  isOver = false;
  captured: HttpResponse | undefined;
  /** Whether there is a response, or none will come. */
  isSettled = false;
  readonly #exchange: DetachedExchange;
  readonly #headersBefore: OutgoingHttpHeaders | undefined;
  readonly #bytesMax: number;
  readonly #listener: RunListener;

  constructor(
    exchange: DetachedExchange,
    headersBefore: OutgoingHttpHeaders | undefined,
    bytesMax: number,
    listener: RunListener,
  ) {
    this.#exchange = exchange;
    this.#headersBefore = headersBefore;
    this.#bytesMax = bytesMax;
    this.recorded = new RecordedResponse(fieldsOf(exchange.response), bytesMax);
    this.#listener = listener;
  }

  take(data: string | Uint8Array, encoding: BufferEncoding): boolean {
    const { recorded } = this;
    const { _header } = fieldsOf(this.#exchange.response);
    if (_header !== null) recorded.add(data, encoding);
    else if (isInformation(data)) this.#exchange.sendInformation(data);
    else recorded.isForeign = true;
    if (recorded.isForeign) this.#exchange.destroySocket(foreignError());
    return !recorded.isTooLarge;
  }

  /** A response that was ended in the same turn fails by itself, when it ends. */
  drain(): void {
    if (this.recorded.isTooLarge) this.#exchange.destroySocket(resultTooLargeError(this.#bytesMax));
  }

  closed(error: Error | undefined): void {
    if (error === undefined && this.recorded.isWhole) this.finished();
    else this.fail(error ?? new Error("The handler's socket was destroyed before its response was complete."));
    this.#exchange.closeResponse();
  }

  readonly finished = (): void => {
    const { noEffect, recorded } = this;
    // A socket that is destroyed behind a whole response ends it a second time.
    if (this.isSettled) return;
    if (noEffect !== undefined) return this.fail(noEffect);
    const { body } = recorded;
    if (body === undefined) return this.fail(resultTooLargeError(this.#bytesMax));
    this.captured = { status: recorded.status, headers: this.#headers(), body };
    this.isSettled = true;
    this.#listener.responded(this.captured);
  };

  fail(error: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#listener.failed(error);
  }

  #headers(): HeaderList {
    const { response } = this.#exchange;
    return response.getHeaderNames().length > 0
      ? headersOver(response, this.#headersBefore)
      : headersIn(fieldsOf(response)._header!);
  }

  /** What only the first caller gets of the head. */
  get head(): { reason: string; removed: string[] } {
    const { response, request } = this.#exchange;
    // HTTP/2 has no phrase, and Node warns of one that is read.
    const reason = request.httpVersionMajor >= 2 ? "" : (response.statusMessage ?? "");
    return { reason, removed: headersRemoved(response, this.#headersBefore) };
  }
}

/** The lines for headers that are sent beside those of the captured response. */
function linesBeside(captured: HttpResponse["headers"], sent: HttpResponse["headers"]): string {
  let lines = "";
  for (const header of sent) if (!captured.includes(header)) lines += `${header[0]}: ${header[1]}\r\n`;
  return lines;
}

/** Whether it is a 1xx response, which may go out before the response. */
function isInformation(data: string | Uint8Array): boolean {
  return typeof data === "string" && data.startsWith("HTTP/1.1 1");
}

function foreignError(): Error {
  return new Error("The handler wrote to its request's socket. Respond by the response: write, end.");
}

/** Those of a response that was sent by another. */
const lateMethods = {
  write: () => false,
  end(this: unknown) {
    return this;
  },
};
