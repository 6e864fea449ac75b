import { retryingFetch } from "once-again/client";
import { equalJitter, exponentialBackoff, OnceAgainError } from "once-again";
import { keyHeaderOf, type Operation, type OperationOptions, timeoutOf } from "./operation.ts";
import type { CallerOutcome } from "./observation.ts";

/** Who sends the operations. Neither way ever rejects: what failed was seen too. */
export interface Caller {
  /** Sends it again and again until there is an answer, as `retryingFetch` does. */
  ask(operation: Operation): Promise<CallerOutcome>;
  /** Sends it once. */
  send(operation: Operation, signal?: AbortSignal): Promise<CallerOutcome>;
}

/** More than fit into any time-out that an option allows. */
const attemptsMax = 10_000;

/**
 * A caller of the server at `origin`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function callerOf(origin: string, options: OperationOptions): Caller {
  const timeoutMs = timeoutOf(options);
  const retrying = retryingFetch({
    // Whether the server honours keys is what is being tested.
    keys: true,
    keyHeader: keyHeaderOf(options),
    attemptsMax,
    backoff: exponentialBackoff({ baseMs: 20, capMs: 500, jitter: equalJitter() }),
    // It alone sends, and never at a rate that harms.
    budget: "off",
    timeoutMs,
    attemptTimeoutMs: timeoutMs,
  });
  const see = async (send: typeof retrying, { path, init }: Operation, signal: AbortSignal): Promise<CallerOutcome> => {
    try {
      // A redirect is the operation's answer, not another request.
      const response = await send(origin + path, { ...init, redirect: "manual", signal });
      const mayComeBack = response.headers.has("Retry-After");
      return { status: response.status, body: await response.text(), mayComeBack };
    } catch (error) {
      return { failed: OnceAgainError.isInstance(error) ? error.code : causeOf(error) };
    }
  };
  const limited = (signal?: AbortSignal): AbortSignal =>
    AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
  return {
    // Its deadline is the client's own: that one ends a wait that would lead to nothing.
    ask: (operation) => see(retrying, operation, never),
    send: (operation, signal) => see((input, init) => fetch(input, init as RequestInit), operation, limited(signal)),
  };
}

const never = new AbortController().signal;

/** The reason why `fetch` failed: the code of its cause says more than "fetch failed". */
function causeOf(error: unknown): string {
  const { cause } = error as Error;
  return (cause as { code?: string } | undefined)?.code ?? String(error);
}
