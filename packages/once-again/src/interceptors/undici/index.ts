/**
 * An interceptor of undici that retries with one key and one body.
 *
 * @module
 */
import "../../core/check-platform.ts";
import { fetchSettings, type RetryingFetchOptions } from "../../client/fetch-options.ts";
import { ensureKey } from "../../client/operation-key.ts";
import { sharedTimers } from "../../core/deadline-timer.ts";
import { requireFunction } from "../../core/options.ts";
import { isOneShot, replayableBody } from "../replayable-body.ts";
import { Call } from "./call.ts";
import type { Dispatch } from "./dispatcher.ts";
import { RequestHeaders } from "./request-headers.ts";

export { undiciFetch } from "./undici-fetch.ts";

/** Those options of `retryingFetch` that have a meaning here: layers are undici's other interceptors. */
type RetryInterceptorOptions = Omit<RetryingFetchOptions, "fetch" | "layers" | "attemptHeaders">;

/** The argument for `compose`: it takes undici's `dispatch`, of any type, and returns another. */
export type RetryInterceptor = <Dispatched extends (options: never, handler: never) => boolean>(
  dispatch: Dispatched,
) => Dispatched;

/**
 * An interceptor for undici 7 and 8: whatever goes through the composed dispatcher is tried again as by `retryingFetch`,
 * with the same keys, verdicts, waits, budget and errors. An attempt's time-out ends when its answer begins.
 *
 * Compose it last, so that it sees what the others make of an answer. Strings, bytes, Blobs and forms are sent again as
 * they are; do not change bytes while their call is under way. A stream is read into memory first when its
 * `Content-Length` is at most 1 MiB, as that of every usual `fetch` body is; any other stream is sent once, whatever comes
 * of it. Upgrades and CONNECT pass through as they are.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const agent = new Agent().compose(retryInterceptor({ timeoutMs: 20_000 }));
 * await request("https://shop.example/orders", { dispatcher: agent, method: "POST", body: "…" });
 * ```
 */
export function retryInterceptor(options: RetryInterceptorOptions = {}): RetryInterceptor {
  const settings = fetchSettings(options, "retryInterceptor", ["fetch", "layers", "attemptHeaders"]);
  const { attemptTimeoutMs, clock } = settings.policy;
  const timers = sharedTimers(clock);
  const intercept = (dispatch: Dispatch): Dispatch => {
    requireFunction("dispatch", "undici's dispatch, as agent.compose(retryInterceptor()) gives it", dispatch);
    const surroundings = { settings, dispatch, timers, attemptTimeoutMs };
    return (request, handler) => {
      if (request.method === "CONNECT" || (request.upgrade ?? false) !== false) return dispatch(request, handler);
      const headers = new RequestHeaders(request.headers);
      const start = (body: unknown, isSentOnce = false): boolean => {
        const origin = typeof request.origin === "object" ? request.origin.origin : (request.origin ?? "");
        let key: string | undefined;
        try {
          key = ensureKey(request.method, headers, settings, settings.keys.makesKeys);
        } catch (error) {
          handler.onResponseError?.(null, error as Error);
          return true;
        }
        const options = { ...request, headers: headers.given, body };
        return new Call(surroundings, { options, origin, key, headers, isSentOnce }, handler).send();
      };
      if (isOneShot(request.body, headers)) return start(request.body, true);
      const bytes = replayableBody(request.body, headers);
      if (bytes === undefined) return start(request.body);
      void bytes.then(
        ({ body, contentType }) => {
          if (contentType !== undefined && headers.get("content-type") === null)
            headers.set("content-type", contentType);
          start(body);
        },
        (error: Error) => handler.onResponseError?.(null, error),
      );
      return true;
    };
  };
  return intercept as unknown as RetryInterceptor;
}
