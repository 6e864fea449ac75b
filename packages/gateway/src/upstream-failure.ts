import type { HttpResponse } from "once-again/http";
import { plainProblem } from "./gateway-response.ts";

/** The service was not asked. */
export const unreachable = "The service behind this gateway can't be reached. Nothing happened.";

/** Facts about a request that got no whole response from the upstream. */
export interface UpstreamFailure {
  /** Whether a byte of it may have reached the upstream: then it may have had its effect. */
  readonly wasSent: boolean;
  readonly error: Error;
}

/** Codes of errors that say that the time was over: of undici's, of Node's, and of ours. */
const timeouts: ReadonlySet<unknown> = new Set([
  "ETIMEDOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
]);

export function isTimeout(error: Error): boolean {
  return timeouts.has((error as NodeJS.ErrnoException).code);
}

/** An error of ours, for a wait that is over. */
export function timeoutError(message: string): Error {
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}

/**
 * The answer where the upstream gave none. Whether a key is held then, forward-operation.ts decides.
 *
 * @param awayMs for how long the upstream can't be reached, milliseconds.
 */
export function failureResponse({ wasSent, error }: UpstreamFailure, awayMs: number): HttpResponse {
  if (!wasSent && (error as NodeJS.ErrnoException).code === "UND_ERR_INVALID_ARG") {
    return plainProblem(400, "This request can't be passed on as it is.");
  }
  if (!wasSent) return plainProblem(503, unreachable, undefined, awayMs);
  if (isTimeout(error)) return plainProblem(504, "The service behind this gateway did not answer in time.");
  return plainProblem(502, "The service behind this gateway broke off before it had answered.");
}
