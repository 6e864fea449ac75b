import { OnceAgainError } from "../core/errors.ts";
import type { Execution } from "../engine/engine.ts";
import { heldError } from "../engine/errors.ts";
import { checkAbsence, type Reconciled } from "../engine/steps.ts";
import { userExecution } from "./handler-execution.ts";
import type { HttpHandler, HttpResponse } from "./response.ts";

/** An answer as a `reconcile` function gives it. */
export interface ReconciledResponse {
  /** 200 to 499. A 5xx is answered too, but not kept: a repeat looks again. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: string | Uint8Array | undefined;
}

/**
 * Looks, before an operation runs again whose earlier attempt ended without a word, whether it happened. It must have no
 * effect of its own, and what it throws leaves the outcome unknown.
 */
export type Reconcile<Request> = (execution: Execution, request: Request) => Promise<Reconciled<ReconciledResponse>>;

/** A handler that is asked only when its operation surely did not happen. */
export function reconcilingHandler<Request, Transaction>(
  handler: HttpHandler<Transaction>,
  reconcile: Reconcile<Request>,
  request: Request,
  quiesceMs: number,
): HttpHandler<Transaction> {
  return async (execution, body) => {
    if (!execution.abandoned) return handler(execution, body);
    const reconciled = await lookUp(() => reconcile(userExecution(execution as Execution), request));
    if (reconciled === "unknown") {
      throw heldError(
        "An earlier attempt at this operation may or may not have happened, and nobody could tell yet. Don't send it " +
          "under another key.",
      );
    }
    if ("found" in reconciled) return responseOf(reconciled.found);
    checkAbsence(reconciled, quiesceMs);
    return handler(execution, body);
  };
}

/** What a look throws says nothing of the operation, whatever its code says of the look. */
async function lookUp<Value>(reconcile: () => Promise<Value>): Promise<Value> {
  try {
    return await reconcile();
  } catch (error) {
    throw OnceAgainError.isInstance(error) ? new Error("reconcile failed", { cause: error }) : error;
  }
}

function responseOf({ status, headers = {}, body = "" }: ReconciledResponse): HttpResponse {
  return {
    status,
    headers: Object.entries(headers).flatMap(([name, values]) =>
      [values].flat().map((value): [string, string] => [name, value]),
    ),
    body: typeof body === "string" ? new TextEncoder().encode(body) : body,
  };
}
