import { invalidOptionError } from "../../core/options.ts";
import type { Execution } from "../../engine/index.ts";
import { onceHttp, userExecution } from "../../http/index.ts";
import type { HttpOptions } from "../../http/http-options.ts";
import type { OnceRoute } from "../../http/handle-request.ts";
import { clearMountMark, markMount, refuseNested, refuseSecondMount } from "../double-mount.ts";
import {
  bodyOf,
  checkHttpEvent,
  type HttpEvent,
  httpRequestOf,
  lambdaAnswer,
  type LambdaHttpAnswer,
  type LambdaResponse,
  methodOf,
  readAnswer,
} from "./http-event.ts";
import { type LambdaContext, lambdaFunction, type LambdaFunction, timeLeftMs } from "./invocation.ts";

/**
 * A handler of requests. It answers with a web `Response`, or in Lambda's own terms; for an event of payload 2.0 anything
 * else is JSON, as API Gateway has it.
 */
export type HttpEventHandler<Event, Transaction, Context> = (
  event: Event,
  execution: Execution<Transaction>,
  context: Context,
) => Response | LambdaResponse | object | string | Promise<Response | LambdaResponse | object | string>;

/** A function behind API Gateway, a function URL or a load balancer. */
export interface OnceHttpFunction<Event, Context extends LambdaContext>
  extends LambdaFunction<Event, LambdaHttpAnswer, Context>, OnceRoute {
  close(): Promise<void>;
}

/**
 * Makes a handler of requests run once for each `Idempotency-Key`: of API Gateway (1.0 and 2.0), a function URL or a load
 * balancer. Its options are those of the other frameworks; the function's remaining time bounds handler and lease.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. The function throws `ONCE_OPTION_INVALID` for an event that is
 *   no request.
 * @example
 * ```ts
 * export const handler = onceLambdaHttp({ store, scope: "public" }, async ({ body }, { key, signal }) => {
 *   const { amount } = JSON.parse(body ?? "") as { amount: number };
 *   return Response.json(await charge(amount, { idempotencyKey: key, signal }), { status: 201 });
 * });
 * ```
 */
export function onceLambdaHttp<Event extends HttpEvent, Context extends LambdaContext, Transaction = undefined>(
  options: HttpOptions<Event, Transaction>,
  handler: HttpEventHandler<Event, Transaction, Context>,
): OnceHttpFunction<Event, Context> {
  const once = onceHttp(options);
  if (typeof handler !== "function") throw invalidOptionError("handler", "a function", handler);

  const run = async (event: Event, context?: Context): Promise<LambdaHttpAnswer> => {
    checkHttpEvent(event);
    const leftMs = timeLeftMs(context);
    const handle = (execution: Execution<Transaction>): unknown =>
      handler(event, userExecution(execution), context as Context);
    const method = methodOf(event);
    const passing = once.passing(method, event);
    if (passing !== undefined) {
      const response = await readAnswer(event, await handle(passing), Infinity);
      const headers = once.takesKey(method) ? response.headers : [...response.headers, once.policyHeader];
      return lambdaAnswer(event, { ...response, headers });
    }
    const forms = Object.isExtensible(event) ? [event] : [];
    const mark = markMount(...forms);
    const body = mark === undefined ? refuseSecondMount : (bytesMax: number) => bodyOf(event, bytesMax);
    const response = await once.answer(httpRequestOf(event, leftMs, body), async (execution) => {
      try {
        return await readAnswer(event, await handle(execution), once.resultBytesMax);
      } finally {
        refuseNested(mark);
      }
    });
    if (mark !== undefined) clearMountMark(...forms);
    return lambdaAnswer(event, response);
  };
  return Object.assign(lambdaFunction(run, once), { policy: once.policy });
}
