import type { ServerResponse } from "node:http";
import { ByteCollector, encodeResponse, type HttpResponse } from "once-again/http";
import type { Dispatcher } from "undici";
import { ForwardedBody } from "./forward-body.ts";
import { headerPairs, responseHeaders } from "./forward-headers.ts";
import { forwardHead, withoutHeader } from "./gateway-response.ts";
import { latin1Headers } from "./latin1-headers.ts";
import type { PlaceRequest, Places } from "./places.ts";
import type { UpstreamFailure } from "./upstream-failure.ts";
import type { Upstream, UpstreamHandler, UpstreamRequest } from "./upstream.ts";

/** The end of one request to the upstream. */
export type UpstreamAnswer =
  | { readonly kind: "whole"; readonly response: HttpResponse }
  /** It was larger than the store takes, and was passed on as it came. */
  | { readonly kind: "large"; readonly status: number }
  | ({ readonly kind: "failed" } & UpstreamFailure);

/** How an answer is collected. */
export interface CollectOptions {
  /** The largest response that is collected, bytes, as it is stored. */
  readonly bytesMax: number;
  /** Ends the request. */
  readonly signal: AbortSignal;
  /** The place that it needs at the service. */
  readonly place: PlaceRequest;
  /** Where a larger answer goes, as it comes; a caller who has left does not end it. Missing: it is a failure. */
  readonly passOn?: { readonly response: ServerResponse; readonly headers: readonly string[] } | undefined;
}

/** Sends a request, once, and collects its answer. */
export function askUpstream(
  upstream: Upstream,
  request: UpstreamRequest & { readonly body: Buffer | null },
  options: CollectOptions,
): Promise<UpstreamAnswer> {
  return new Promise((resolve) => new CollectedAnswer(options, resolve).send(upstream, request));
}

/** Collects the answer to one request, or passes it on. */
class CollectedAnswer implements UpstreamHandler {
  readonly #options: CollectOptions;
  readonly #resolve: (answer: UpstreamAnswer) => void;
  readonly #abort = (): void => {
    const error = this.#options.signal.reason as Error;
    if (this.#controller !== undefined) this.#controller.abort(error);
    else if (this.#giveUp?.() === true) this.#end({ kind: "failed", wasSent: false, error });
  };
  /** Ends the wait for a place. */
  #giveUp: (() => boolean) | undefined;
  /** The places that it has one of. */
  #places: Places | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #answer: AnswerBuffer | undefined;

  constructor(options: CollectOptions, resolve: (answer: UpstreamAnswer) => void) {
    this.#options = options;
    this.#resolve = resolve;
    options.signal.addEventListener("abort", this.#abort, { once: true });
  }

  send(upstream: Upstream, request: UpstreamRequest & { readonly body: Buffer | null }): void {
    const places = upstream.places(request.target);
    this.#giveUp = places.take(
      this.#options.place,
      () => {
        this.#places = places;
        upstream.dispatch(request, this);
      },
      (error) => this.#end({ kind: "failed", wasSent: false, error }),
    );
    if (this.#options.signal.aborted) this.#abort();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#options.signal.aborted) this.#abort();
  }

  onResponseStart({ rawHeaders }: Dispatcher.DispatchController, status: number, _headers: unknown, reason = ""): void {
    if (status < 200) return;
    this.#answer = new AnswerBuffer(status, reason, latin1Headers(rawHeaders), this.#options.bytesMax);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { bytesMax, passOn } = this.#options;
    const answer = this.#answer!;
    if (answer.add(chunk)) return;
    if (passOn === undefined) return controller.abort(new Error(`The answer is larger than ${bytesMax} bytes.`));
    answer.passOn(passOn.response, passOn.headers, controller);
  }

  onResponseEnd(): void {
    const answer = this.#answer!;
    answer.end();
    const { status, isPassedOn } = answer;
    this.#end(isPassedOn ? { kind: "large", status } : { kind: "whole", response: answer.response() });
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#answer?.isPassedOn) this.#options.passOn?.response.destroy();
    this.#end({ kind: "failed", wasSent: this.#controller !== undefined, error });
  }

  #end(answer: UpstreamAnswer): void {
    this.#options.signal.removeEventListener("abort", this.#abort);
    this.#places?.leave(this.#options.place);
    this.#resolve(answer);
  }
}

/** Headers that only the route itself may add to a response. */
const ofRoute: readonly string[] = ["idempotent-replayed", "idempotency-key-policy"];

/** An answer that arrives: held until it is whole, or passed on once it is too large for that. */
class AnswerBuffer {
  readonly status: number;
  readonly #reason: string;
  readonly #raw: readonly string[];
  readonly #headers: readonly [string, string][];
  readonly #bytesMax: number;
  /** How many bytes of a body fit beside the headers: known when that is close. */
  #bodyBytesMax: number | undefined;
  #held = new ByteCollector(Number.MAX_SAFE_INTEGER);
  #passed: ForwardedBody | undefined;

  constructor(status: number, reason: string, raw: readonly string[], bytesMax: number) {
    this.status = status;
    this.#reason = reason;
    this.#raw = ofRoute.reduce(withoutHeader, raw);
    this.#headers = headerPairs(responseHeaders(this.#raw));
    this.#bytesMax = bytesMax;
  }

  get isPassedOn(): boolean {
    return this.#passed !== undefined;
  }

  /** `false`: it is too large to be held. What is passed on already goes on. */
  add(chunk: Buffer): boolean {
    if (this.#passed !== undefined) {
      this.#passed.add(chunk);
      return true;
    }
    this.#held.add(chunk);
    return this.#fits(this.#held.length);
  }

  #fits(bytes: number): boolean {
    if (bytes + headBytesMax(this.#headers) <= this.#bytesMax) return true;
    const head = { status: this.status, headers: this.#headers, body: Buffer.alloc(0) };
    this.#bodyBytesMax ??= this.#bytesMax - encodeResponse(head).length;
    return bytes <= this.#bodyBytesMax;
  }

  /** Sends on what came, and what comes from now on. A caller who leaves is not waited for: the operation goes on. */
  passOn(response: ServerResponse, headers: readonly string[], controller: Dispatcher.DispatchController): void {
    if (!response.destroyed) forwardHead(response, this.status, this.#reason, [...this.#raw, ...headers]);
    this.#passed = new ForwardedBody(response, controller);
    this.#passed.add(this.#held.bytes!);
    this.#held = new ByteCollector(0);
  }

  /** Ends the response that it is passed on by. */
  end(): void {
    this.#passed?.end();
  }

  response(): HttpResponse {
    return { status: this.status, headers: this.#headers, body: this.#held.bytes! };
  }
}

/** At least as many bytes as the head of a response takes in the store, whatever is in it: no sign takes more than six. */
function headBytesMax(headers: readonly [string, string][]): number {
  let bytes = 64;
  for (const [name, value] of headers) bytes += 6 * (name.length + value.length) + 8;
  return bytes;
}
