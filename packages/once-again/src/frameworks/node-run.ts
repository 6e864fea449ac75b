import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { isPromise } from "../core/awaitable.ts";
import { NoEffectError } from "../engine/index.ts";
import { HttpAttempt } from "../http/http-attempt.ts";
import type { HttpResponse } from "../http/index.ts";
import { tapBody } from "./body-tap.ts";
import { failRun, ResponseCapture, type RunListener } from "./capture/response-capture.ts";
import { isAnswered } from "./capture/send-response.ts";
import { conflictError, mountedTwiceError } from "./errors.ts";
import { beginPassage, type Passage } from "./mounted-twice.ts";
import { type NodeCall, nodeExecution, type NodeExecution } from "./node-adapter.ts";

/**
 * Runs a handler. A response counts when the handler has ended: until then it may fail, and a handler that failed after it
 * responded has failed.
 *
 * @returns a promise of the handler's end, where it can be seen.
 */
export type Handle<Transaction> = (execution: NodeExecution<Transaction>) => void | Promise<void>;

/** How a response goes out that no run of the handler made. @returns the reason why it could not be sent. */
export type SendResponse = (capture: ResponseCapture, response: HttpResponse) => unknown;

const sendCaptured: SendResponse = (capture, response) => capture.send(response);

/**
 * One request on Node's HTTP: it is opened, its handler runs and writes to its response, the attempt is settled by that, and
 * the response goes out. Responses of one turn of the event loop are sent together: sent one by one, each wakes its client
 * separately, which costs more than the whole replay.
 */
export class NodeRun<Native, Transaction> implements RunListener {
  readonly #call: NodeCall<Native, Transaction>;
  readonly #capture: ResponseCapture;
  readonly #handle: Handle<Transaction>;
  readonly #send: SendResponse;
  readonly #whenSent: (error?: Error) => void;
  readonly #passage: Passage | undefined;
  #attempt: HttpAttempt<Transaction> | undefined;
  #response: HttpResponse | undefined;
  /** What has to end before the response counts. */
  #isHandling = false;
  #hasEnded = false;
  #isResponding = false;

  /**
   * @param whenSent is called when the response went out; with an error for what is no request of Node's, and for a framework
   *   that can't send it.
   * @throws TypeError for what is no request of Node's.
   */
  constructor(
    call: NodeCall<Native, Transaction>,
    handle: Handle<Transaction>,
    whenSent: (error?: Error) => void,
    send: SendResponse = sendCaptured,
  ) {
    const { incoming, response, once } = call;
    this.#call = call;
    this.#handle = handle;
    this.#whenSent = whenSent;
    this.#send = send;
    // It is never cleared: late writes of this request's handler must still be recognised.
    this.#passage = beginPassage(incoming);
    tapBody(incoming, once.bodyBytesMax);
    this.#capture = new ResponseCapture(response, incoming, once.resultBytesMax);
  }

  start(): void {
    if (this.#passage === undefined) return this.#refuseSecondMount();
    // Whoever made a request up, as for Lambda, may attach listeners to the response only after a while.
    if (isMadeUp(this.#call.incoming)) setImmediate(() => this.#open());
    else this.#open();
  }

  #open(): void {
    const { once } = this.#call;
    void once.open(this.#call).then((opened) => {
      if (!(opened instanceof HttpAttempt)) return this.#respond(opened);
      this.#attempt = opened;
      opened.whenTimeIsOver((response) => this.#respond(response));
      opened.whenRunAgain(() => this.#begin());
      this.#begin();
    });
  }

  #begin(): void {
    this.#response = undefined;
    this.#hasEnded = false;
    const early = this.#attempt!.respondEarly();
    if (!isPromise(early)) return this.#runHandler();
    early.then(
      (response) => (response === undefined ? this.#runHandler() : this.#settle(response)),
      (error: unknown) => this.#fail(error),
    );
  }

  #runHandler(): void {
    const attempt = this.#attempt!;
    this.#isHandling = true;
    let handled: unknown;
    try {
      if (!this.#capture.hasBegun && isAnswered(this.#call.response)) {
        throw new NoEffectError("Somebody else answered before the operation began. Nothing happened.");
      }
      this.#capture.begin(this);
      handled = this.#handle(nodeExecution(attempt.execution, attempt.body));
    } catch (error) {
      return this.#fail(error);
    }
    // A handler that returns may still respond later, as the callback style does; one that throws will not.
    if (!isPromise(handled)) this.#handlerEnded();
    else {
      handled.then(
        () => this.#handlerEnded(),
        (error: unknown) => this.#fail(error),
      );
    }
  }

  responded(response: HttpResponse): void {
    this.#response = response;
    if (!this.#isHandling) this.#settle(response);
  }

  failed(error: unknown): void {
    this.#fail(error);
  }

  #handlerEnded(): void {
    this.#isHandling = false;
    if (this.#response !== undefined) this.#settle(this.#response);
  }

  #settle(response: HttpResponse): void {
    if (this.#passage?.isNested) return this.#fail(mountedTwiceError());
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#capture.endHandling();
    this.#respondWhenSettled(this.#attempt!.settle(response));
  }

  #fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#capture.endHandling();
    this.#respondWhenSettled(this.#attempt!.fail(this.#passage?.isNested ? mountedTwiceError() : error));
  }

  #respondWhenSettled(settling: ReturnType<HttpAttempt<Transaction>["settle"]>): void {
    if (isPromise(settling)) void settling.then((response) => this.#respond(response));
    else this.#respond(settling);
  }

  #respond(response: HttpResponse): void {
    if (this.#isResponding) return;
    this.#isResponding = true;
    setImmediate(sendInTurn<Native, Transaction>, this, response);
  }

  /** Sends the response; called once, in the turn after the one in which it was known. */
  static sendNow<AnyNative, AnyTransaction>(run: NodeRun<AnyNative, AnyTransaction>, response: HttpResponse): void {
    const { once, incoming } = run.#call;
    const capture = run.#capture;
    // Refused before all of the body was read? Let the rest go by: a connection that is closed under a caller who still
    // sends is reset, and the response is lost with it. The server's requestTimeout bounds how long that takes.
    if (!incoming.complete) incoming.resume();
    try {
      const fault = capture.hasBegun ? capture.send(response) : run.#send(capture, response);
      if (fault !== undefined) once.onError(fault);
    } catch (error) {
      return run.#whenSent(error as Error);
    }
    run.#whenSent();
  }

  #refuseSecondMount(): void {
    const { once, response } = this.#call;
    const error = mountedTwiceError();
    const refusal = once.refuse(error);
    // The first one frees its key, and responds.
    if (!failRun(response, error)) this.#capture.send(refusal);
    this.#whenSent();
  }
}

/** In a microtask: a caller that awaits the listener attaches its own listeners before Node's next tick emits "finish". */
function sendInTurn<Native, Transaction>(run: NodeRun<Native, Transaction>, response: HttpResponse): void {
  queueMicrotask(() => NodeRun.sendNow(run, response));
}

/** True for synthetic requests, which no connection brought. */
function isMadeUp(incoming: IncomingMessage): boolean {
  return !(incoming.socket instanceof Socket);
}

/** Responds to a request by what `handle` does to its response, or by what is known of its key; resolves when that went out. */
export function answerNodeRequest<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  handle: Handle<Transaction>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    new NodeRun(call, handle, (error) => (error === undefined ? resolve() : reject(error))).start();
  });
}

/**
 * The same for middleware: its handler is what the framework runs next.
 *
 * @param begin runs the handler: what it writes to the response counts.
 * @param answered is called when the request was answered without the handler; with an error for what is no request of
 *   Node's.
 */
export function runMiddleware<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  begin: Handle<Transaction>,
  answered: (error?: Error) => void,
  send?: SendResponse,
): void {
  let hasBegun = false;
  const handle: Handle<Transaction> = (execution) => {
    if (hasBegun) throw conflictError();
    // A parser behind us would find half a body, and its complaint would be stored as the response.
    if (call.incoming.destroyed && !call.incoming.readableEnded) {
      throw new NoEffectError("The caller hung up before the operation began. Nothing happened.");
    }
    hasBegun = true;
    return begin(execution);
  };
  const whenSent = (error?: Error): void => {
    if (error !== undefined || !hasBegun) answered(error);
  };
  try {
    new NodeRun(call, handle, whenSent, send).start();
  } catch (error) {
    answered(error as Error);
  }
}
