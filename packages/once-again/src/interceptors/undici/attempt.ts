import type { ResponseHead } from "../../client/should-retry.ts";
import type { Clock } from "../../core/clock.ts";
import { findHeader } from "../find-header.ts";
import type { DispatchController, DispatchHandler, ResponseHeaders } from "./dispatcher.ts";

/** The call that an attempt belongs to, as the attempt sees it. */
export interface AttemptOwner {
  /** The caller's own handler. */
  readonly handler: DispatchHandler;
  readonly clock: Clock;
  /** The controller that the caller's handler gets, whichever attempt is under way. */
  readonly controller: DispatchController;
  onStarted(context: unknown): void;
  /** Returns whether the caller gets the response; otherwise it is discarded. */
  onResponse(head: UndiciHead): boolean;
  /** `head`: of the response that an interceptor below made the error of. */
  onFailed(error: Error, head?: UndiciHead): void;
}

/** A response, as the retry rule reads it. */
export class UndiciHead implements ResponseHead {
  readonly status: number;
  readonly redirected: boolean;
  /** Where it comes from; empty when it was not redirected. */
  readonly url: string;
  readonly headers: ResponseHead["headers"];

  /** @param history where undici's redirect interceptor has led the request, the request's own URL first. */
  constructor(status: number, headers: ResponseHeaders, history: readonly URL[]) {
    this.status = status;
    this.redirected = history.length > 1;
    this.url = this.redirected ? history.at(-1)!.href : "";
    this.headers = { get: (name) => findHeader(headers, name) };
  }
}

/** Reading on costs less than a new connection up to about here: see `discardBody` of the client. */
const discardedBytesMax = 65_536;
const discardMsMax = 1000;

/**
 * One attempt: undici's handler of its request. Its owner decides whether the response goes to the caller or is discarded.
 * Nothing that comes after `cut` reaches the owner.
 */
export class Attempt implements DispatchHandler {
  readonly #owner: AttemptOwner;
  #fate: "open" | "forwarded" | "discarded" | "cut" = "open";
  #context: unknown;
  #cutReason: Error | undefined;
  #discardedBytes = 0;
  #stopDiscardTimer: (() => void) | undefined;
  /** `undefined` until undici begins to send. */
  controller: DispatchController | undefined;

  constructor(owner: AttemptOwner) {
    this.#owner = owner;
  }

  /** Where undici's redirect interceptor has led this request to, one after the other, the request's own URL first. */
  get history(): readonly URL[] {
    return historyOf(this.#context);
  }

  /** Whether undici's redirect interceptor has followed a response to this request. */
  get wasRedirected(): boolean {
    return this.history.length > 0;
  }

  /** Ends the request, also one that undici has not begun to send. */
  cut(reason: Error): void {
    this.#fate = "cut";
    this.#cutReason = reason;
    this.controller?.abort(reason);
  }

  onRequestStart(controller: DispatchController, context: unknown): void {
    this.controller = controller;
    this.#context = context;
    if (this.#cutReason === undefined) this.#owner.onStarted(context);
    else controller.abort(this.#cutReason);
  }

  onResponseStart(_: DispatchController, status: number, headers: ResponseHeaders, message?: string): void {
    if (this.#fate !== "open") return;
    const { handler, controller } = this.#owner;
    // Below 200 it is an interim response, which proves nothing.
    if (status >= 200) {
      if (!this.#owner.onResponse(new UndiciHead(status, headers, this.history))) {
        this.#discard();
        return;
      }
      this.#fate = "forwarded";
    }
    handler.onResponseStart?.(controller, status, headers, message);
  }

  onResponseData(_: DispatchController, chunk: Uint8Array): void {
    if (this.#fate === "forwarded") {
      this.#owner.handler.onResponseData?.(this.#owner.controller, chunk);
    } else if (this.#fate === "discarded") {
      this.#discardedBytes += chunk.byteLength;
      if (this.#discardedBytes > discardedBytesMax) this.#endDiscarding();
    }
  }

  onResponseEnd(_: DispatchController, trailers: ResponseHeaders): void {
    this.#stopDiscardTimer?.();
    if (this.#fate === "forwarded") this.#owner.handler.onResponseEnd?.(this.#owner.controller, trailers);
  }

  onResponseError(_: DispatchController | null, error: Error): void {
    this.#stopDiscardTimer?.();
    if (this.#fate === "forwarded") this.#owner.handler.onResponseError?.(this.#owner.controller, error);
    else if (this.#fate === "open") this.#owner.onFailed(error, this.#headIn(error));
  }

  /** The response in an error that undici's interceptor `responseError` made of one. */
  #headIn(error: Error): UndiciHead | undefined {
    const { code, statusCode, headers } = error as Error & Record<string, unknown>;
    if (code !== "UND_ERR_RESPONSE" || typeof statusCode !== "number" || statusCode < 400) return undefined;
    return new UndiciHead(statusCode, (headers ?? {}) as ResponseHeaders, this.history);
  }

  /** Discards the response. It is read on, within bounds, so that the connection can be used again. */
  #discard(): void {
    if (this.#fate !== "open") return;
    this.#fate = "discarded";
    this.#stopDiscardTimer = this.#owner.clock.timer(discardMsMax, () => this.#endDiscarding());
  }

  #endDiscarding(): void {
    this.#stopDiscardTimer?.();
    this.controller?.abort(new Error("The rest of a failed answer is not worth waiting for."));
  }
}

function historyOf(context: unknown): readonly URL[] {
  const { history = [] } = (context ?? {}) as { history?: URL[] };
  return history;
}
