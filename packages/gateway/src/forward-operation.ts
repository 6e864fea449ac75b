import { OnceAgainError } from "once-again";
import { type Execution, heldError, NoEffectError } from "once-again/engine";
import type { HttpHandler, HttpResponse, OnceHttp } from "once-again/http";
import { drawRetryAfterMs, retryAfterRange, systemRandom } from "once-again/internal";
import { askUpstream } from "./ask-upstream.ts";
import type { GatewayRoute } from "./gateway-options.ts";
import type { KeyedCall } from "./keyed-call.ts";
import { NoPlaceError, type RoutePlaces } from "./places.ts";
import { noteFailure } from "./request-record.ts";
import { failureResponse, unreachable } from "./upstream-failure.ts";
import { accountOwner } from "./shares.ts";
import type { Upstream } from "./upstream.ts";

/** The body that the service has sent to one request: a response with another is of the gateway's making. */
export interface Served {
  body?: HttpResponse["body"];
}

/** Forwards an operation to the upstream, once, and says what its answer, or the lack of one, says of its effect. */
export function forwardOperation(
  once: OnceHttp<KeyedCall, undefined>,
  { response, forwarded, notes }: KeyedCall,
  { upstream, places }: { readonly upstream: Upstream; readonly places: RoutePlaces | undefined },
  { policy }: GatewayRoute["onUnknown"],
  served: Served,
): HttpHandler<undefined> {
  return async (execution, { buffer, byteOffset, byteLength }): Promise<HttpResponse> => {
    const { method, target } = forwarded;
    const headers = [...forwarded.headers, ...attemptHeaders(execution)];
    const body = Buffer.from(buffer, byteOffset, byteLength);
    const answer = await askUpstream(
      upstream,
      { method, target, headers, body },
      {
        bytesMax: once.resultBytesMax,
        signal: execution.signal,
        place: { owner: accountOwner(execution.scope), isKeyed: true, route: places },
        passOn: { response, headers: once.policyHeader },
      },
    );
    if (answer.kind === "whole") {
      served.body = answer.response.body;
      return answer.response;
    }
    if (answer.kind === "large") {
      if (answer.status >= 500) throw new Error("The upstream failed, with a response that is too large to be stored.");
      throw new OnceAgainError("ONCE_RESULT_TOO_LARGE", "The response was passed on, and is too large to be stored.");
    }
    if (answer.error instanceof NoPlaceError) {
      notes.refused = "no-place";
      throw answer.error;
    }
    noteFailure(notes, answer.error);
    const { ms: awayMs } = upstream.absence(target);
    if (!answer.wasSent) {
      const range = retryAfterRange(1000, awayMs);
      // At first the route's own time will do.
      const isLong = range.toMs > retryAfterRange(1000).toMs;
      const retryAfterMs = isLong ? drawRetryAfterMs(range, systemRandom) : undefined;
      throw new NoEffectError(unreachable, { cause: answer.error, retryAfterMs });
    }
    if (policy === "hold") throw heldError("The service behind this gateway did not answer whole.");
    return failureResponse(answer, awayMs);
  };
}

function attemptHeaders({ attempt, fence }: Execution): string[] {
  return ["idempotency-attempt", String(attempt), "idempotency-fence", String(fence)];
}
