import type { ServerResponse } from "node:http";
import { ByteCollector, encodeResponse, type HttpResponse } from "once-again/http";
import type { Dispatcher } from "undici";
import { ForwardedBody } from "./forward-body.ts";
import { headerPairs, responseHeaders } from "./forward-headers.ts";
import { forwardHead } from "./gateway-response.ts";
import { latin1Headers } from "./latin1-headers.ts";
import type { UpstreamFailure } from "./upstream-failure.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

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
  /** Where a larger answer goes, as it comes; a caller who has left does not end it. Missing: it is a failure. */
  readonly passOn?: { readonly response: ServerResponse; readonly headers: readonly string[] } | undefined;
}

/** Sends a request, once, and collects its answer. */
export function askUpstream(
  upstream: Upstream,
  request: UpstreamRequest & { readonly body: Buffer | null },
  { bytesMax, signal, passOn }: CollectOptions,
): Promise<UpstreamAnswer> {
  const { promise, resolve } = Promise.withResolvers<UpstreamAnswer>();
  let controller: Dispatcher.DispatchController | undefined;
  let answer: AnswerBuffer | undefined;
  const abort = (): void => controller?.abort(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  upstream.dispatch(request, {
    onRequestStart(started) {
      controller = started;
      if (signal.aborted) abort();
    },
    onResponseStart({ rawHeaders }, status, _headers, reason = "") {
      if (status >= 200) answer = new AnswerBuffer(status, reason, latin1Headers(rawHeaders), bytesMax);
    },
    onResponseData(started, chunk) {
      const whole = answer!;
      if (whole.add(chunk)) return;
      if (passOn === undefined) return started.abort(new Error(`The answer is larger than ${bytesMax} bytes.`));
      whole.passOn(passOn.response, passOn.headers, started);
    },
    onResponseEnd() {
      const whole = answer!;
      whole.end();
      resolve(
        whole.isPassedOn ? { kind: "large", status: whole.status } : { kind: "whole", response: whole.response() },
      );
    },
    onResponseError(_started, error) {
      if (answer?.isPassedOn) passOn?.response.destroy();
      resolve({ kind: "failed", wasSent: controller !== undefined, error });
    },
  });
  return promise.finally(() => signal.removeEventListener("abort", abort));
}

/** Headers that only the route itself may add to a response. */
const ofRoute = /^(?:idempotent-replayed|idempotency-key-policy)$/i;

/** An answer that arrives: held until it is whole, or passed on once it is too large for that. */
class AnswerBuffer {
  readonly status: number;
  readonly #reason: string;
  readonly #raw: string[];
  readonly #bytesMax: number;
  #held = new ByteCollector(Number.MAX_SAFE_INTEGER);
  #passed: ForwardedBody | undefined;

  constructor(status: number, reason: string, raw: string[], bytesMax: number) {
    this.status = status;
    this.#reason = reason;
    this.#raw = raw.filter((_, at) => !ofRoute.test(raw[at - (at % 2)] ?? ""));
    this.#bytesMax = bytesMax - encodeResponse({ status, headers: this.#headers(), body: Buffer.alloc(0) }).length;
  }

  #headers(): [string, string][] {
    return headerPairs(responseHeaders(this.#raw));
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
    return this.#held.length <= this.#bytesMax;
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
    return { status: this.status, headers: this.#headers(), body: this.#held.bytes! };
  }
}
