import type { DispatchController } from "./dispatcher.ts";

/** The call that a controller steers. */
export interface SteeredCall {
  /** The controller of the attempt under way, or of the one that gives the caller its response. */
  readonly attemptController: DispatchController | undefined;
  /** Why the caller ended the call; `null` unless it did. */
  readonly abortReason: Error | null;
  abort(reason: Error): void;
}

/** The controller with which the caller's handler steers its call. It stays the same when one attempt follows another. */
export class CallController implements DispatchController {
  readonly #call: SteeredCall;

  constructor(call: SteeredCall) {
    this.#call = call;
  }

  get aborted(): boolean {
    return this.#call.abortReason !== null;
  }

  get reason(): Error | null {
    return this.#call.abortReason;
  }

  get paused(): boolean {
    return this.#call.attemptController?.paused ?? false;
  }

  get rawHeaders(): unknown {
    return this.#call.attemptController?.rawHeaders;
  }

  get rawTrailers(): unknown {
    return this.#call.attemptController?.rawTrailers;
  }

  abort(reason: Error): void {
    this.#call.abort(reason);
  }

  pause(): void {
    this.#call.attemptController?.pause();
  }

  resume(): void {
    this.#call.attemptController?.resume();
  }
}
