import { fetchSettings, type RetryingFetchOptions } from "./fetch-options.ts";
import { isBeingSent, retryingFetches } from "./platform-fetch.ts";
import { prepareRequest, type SendableRequest } from "./prepare-request.ts";
import type { RetryingRequestInit } from "./request-body.ts";
import { sendWithRetries } from "./send-with-retries.ts";

/** A `fetch` that tries again; it fits wherever a `fetch` does. */
export type RetryingFetch = (input: string | URL | Request, init?: RetryingRequestInit | null) => Promise<Response>;

/**
 * Makes a `fetch` that tries again when that is safe, and never otherwise.
 *
 * Each call is one operation. A POST or PATCH gets an idempotency key, made before the first attempt and the same on
 * all of them, unless the caller brings one. An attempt that failed is repeated when the request provably had no
 * effect, or when repeating it has none: an idempotent method, or a key at a server that is known to honour it (the option
 * `keys`, or a response to the same method and path that said so). In a browser that holds for our own attempts: the browser
 * sends a POST again by itself when its connection is closed before the response. What the server asks for (`Retry-After`, a rate limit) is a
 * lower bound for the wait.
 *
 * The returned promise settles as that of `fetch` does: when the response begins. What happens to the response's body
 * afterwards is the caller's: a body that breaks off is not asked for again, unless `readBody` says so. Redirects of
 * a request with an effect are followed one by one, since what fails at the target says nothing of the request itself.
 *
 * @returns a function with the signature of `fetch`. It resolves with the last response, whatever its status, unless it
 *   is open whether a keyed operation was executed: then an attempt's answer was lost, or was a 5xx (other than a 503
 *   with `Retry-After` of once-again's own, or one that `trustRetryAfter` vouches for), and none was the operation's own.
 *   It rejects with the signal's reason when the caller aborts, and otherwise with:
 *   - `ONCE_OUTCOME_UNKNOWN` when the request may have been executed. `details` has `attempts`, `key` and the last `status`.
 *     At a server that honours keys, send it again with the same key and body: the response is the operation's. At one
 *     that is not known to, the message says which line to add.
 *   - `ONCE_ATTEMPTS_EXHAUSTED`, `ONCE_DEADLINE_EXCEEDED`, `ONCE_BUDGET_EXHAUSTED` when it had no effect
 *     (`details.noEffect`), or has none by its method.
 *   - `ONCE_BODY_NOT_REPLAYABLE` for a body that can be sent only once, `ONCE_BODY_TOO_LARGE` for a Request's over
 *     `bodyBytesMax`, `ONCE_OPTION_INVALID` for what is no body; `ONCE_KEY_INVALID` for a key that protects nothing.
 *   - `fetch`'s own error, when no repeat can help and there was no effect.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const fetch = retryingFetch({ keys: ["https://shop.example"] });
 * const response = await fetch("https://shop.example/orders", { method: "POST", body, timeoutMs: 20_000 });
 * ```
 */
export function retryingFetch(options: RetryingFetchOptions = {}): RetryingFetch {
  const settings = fetchSettings(options);
  const send = (request: SendableRequest<Response>): Promise<Response> => sendWithRetries(request, settings);
  // Named, and with one argument, as the platform's own is.
  const fetch: RetryingFetch = (input, ...[init]) => {
    try {
      // A wrapper that was put around us in the place of `globalThis.fetch` hands our own attempts back.
      if (isBeingSent(input, init as RequestInit)) return settings.fetch(input, init as RequestInit);
      const request = prepareRequest(input, init ?? {}, settings);
      return request instanceof Promise ? request.then(send) : send(request);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  retryingFetches.add(fetch);
  return fetch;
}
