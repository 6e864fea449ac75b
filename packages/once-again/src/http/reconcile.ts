import type { Execution, Reconciled } from "../engine/engine.ts";
import { userExecution } from "../engine/execution.ts";
import type { StepOptions } from "../engine/options.ts";
import { reconcileFirst } from "../engine/run-work.ts";
import type { HttpResponse } from "./response.ts";

/** An answer as a `reconcile` function gives it. */
export interface ReconciledResponse {
  /** 200 to 499. A 5xx is sent too, but not stored: a repeat looks again. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: string | Uint8Array | undefined;
}

/**
 * Looks whether an operation happened, before it runs again after an attempt with an unknown outcome. It must have no
 * effect, and an error that it throws leaves the outcome unknown.
 */
export type Reconcile<Request> = (execution: Execution, request: Request) => Promise<Reconciled<ReconciledResponse>>;

/** Looks up the response of an operation that an earlier attempt may have had. `undefined`: it surely did not happen. */
export async function lookedUpResponse<Request, Transaction>(
  execution: Execution<Transaction>,
  reconcile: Reconcile<Request>,
  request: Request,
  steps: StepOptions,
): Promise<HttpResponse | undefined> {
  const look = () => reconcile(userExecution(execution as Execution), request);
  const finding = await reconcileFirst(execution, look, steps);
  return finding && responseOf(finding.found);
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
