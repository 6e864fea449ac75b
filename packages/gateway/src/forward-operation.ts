import { OnceAgainError } from "once-again";
import { type Execution, heldError, NoEffectError } from "once-again/engine";
import type { HttpHandler, HttpResponse, OnceHttp } from "once-again/http";
import { askUpstream } from "./ask-upstream.ts";
import type { GatewayRoute } from "./gateway-options.ts";
import type { KeyedCall } from "./keyed-call.ts";
import { noteFailure } from "./request-record.ts";
import { failureResponse } from "./upstream-failure.ts";
import type { Upstream } from "./upstream.ts";

/** The body that the service has sent to one request: a response with another is of the gateway's making. */
export interface Served {
  body?: HttpResponse["body"];
}

/** Forwards an operation to the upstream, once, and says what its answer, or the lack of one, says of its effect. */
export function forwardOperation(
  once: OnceHttp<KeyedCall, undefined>,
  { response, forwarded, notes }: KeyedCall,
  upstream: Upstream,
  { policy }: GatewayRoute["onUnknown"],
  served: Served,
): HttpHandler<undefined> {
  return async (execution, { buffer, byteOffset, byteLength }): Promise<HttpResponse> => {
    const headers = [...forwarded.headers, ...attemptHeaders(execution)];
    const body = Buffer.from(buffer, byteOffset, byteLength);
    const answer = await askUpstream(
      upstream,
      { ...forwarded, headers, body },
      {
        bytesMax: once.resultBytesMax,
        signal: execution.signal,
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
    noteFailure(notes, answer.error);
    if (!answer.wasSent) {
      throw new NoEffectError("The service behind this gateway can't be reached. Nothing happened.", {
        cause: answer.error,
      });
    }
    if (policy === "hold") throw heldError("The service behind this gateway did not answer whole.");
    return failureResponse(answer);
  };
}

function attemptHeaders({ attempt, fence }: Execution): string[] {
  return ["idempotency-attempt", String(attempt), "idempotency-fence", String(fence)];
}
