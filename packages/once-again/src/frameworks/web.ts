/**
 * Handlers of `Request` and `Response`, as in Next.js, workers, Bun and Deno: once for each key.
 *
 * @module
 */
import "../core/check-platform.ts";
import { isPromise } from "../core/awaitable.ts";
import { invalidOptionError } from "../core/options.ts";
import { type Execution } from "../engine/index.ts";
import { onceHttp, userExecution } from "../http/index.ts";
import type { HttpOptions } from "../http/http-options.ts";
import type { OnceRoute } from "../http/handle-request.ts";
import {
  markMount,
  copyMountMark,
  clearMountMark,
  incomingOf,
  refuseNested,
  refuseSecondMount,
} from "./double-mount.ts";
import { refuseCall, wrongPlaceError } from "./errors.ts";
import { WebBody } from "./web-body.ts";
import { closableRoute, type ReadResponse, readResponse, httpRequestOf, webResponse } from "./web-messages.ts";

/**
 * A handler in the web's own terms. The request is the one that came, with all that its platform gave it, and its body can
 * be read as always. What the platform passes beside it comes last: Next's `{ params }`, the `env` of a worker.
 */
export type WebHandler<
  Transaction = undefined,
  Native extends Request = Request,
  Rest extends readonly unknown[] = [],
> = (request: Native, execution: Execution<Transaction>, ...rest: Rest) => Response | Promise<Response>;

/** A handler that runs each operation once. What it is given beside the request is passed on. */
export interface OnceWeb<Native extends Request = Request, Rest extends readonly unknown[] = []> extends OnceRoute {
  (request: Native, ...rest: Rest): Promise<Response>;
}

/**
 * Wraps a handler of web-standard requests (Next.js, SvelteKit, Deno, Bun, workers), so that each operation that carries
 * an `Idempotency-Key` happens once, and every repeat gets the first answer.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. The wrapped handler itself never rejects, except
 *   with what a handler throws at a request that passes through.
 * @example
 * ```ts
 * export const POST = onceWeb({ store, scope: (request) => accountOf(request) }, async (request, { key }) => {
 *   return Response.json(await createOrder(await request.json(), key), { status: 201 });
 * });
 * ```
 */
export function onceWeb<
  Native extends Request = Request,
  Rest extends readonly unknown[] = [],
  Transaction = undefined,
>(options: HttpOptions<Native, Transaction>, handler: WebHandler<Transaction, Native, Rest>): OnceWeb<Native, Rest> {
  const once = onceHttp(options);
  const { close, finish } = closableRoute(once);
  if (typeof handler !== "function") throw invalidOptionError("handler", "a function", handler);

  const run = async (request: Native, ...rest: Rest): Promise<Response> => {
    if (typeof request?.headers?.get !== "function" || typeof request.method !== "string") {
      refuseCall(wrongPlaceError("onceWeb", "a web-standard request"), [request, ...rest], once.onError);
      return Response.error();
    }
    const passing = once.passing(request.method, request);
    if (passing !== undefined) {
      const response = await handler(request, userExecution(passing), ...rest);
      return once.takesKey(request.method) ? response : withHeader(response, ...once.policyHeader);
    }
    const forms = [request, ...incomingOf(rest[0], request, once.policy.header)];
    const mark = markMount(...forms);
    const body = new WebBody(request);
    const readBytes = (bytesMax: number): Promise<Uint8Array<ArrayBuffer>> => body.read(bytesMax);
    let response: ReadResponse | undefined;
    const answer = await once.answer(
      httpRequestOf(request, request, mark === undefined ? refuseSecondMount : readBytes),
      async (execution, bytes) => {
        const readable = body.readable(bytes, execution);
        if (mark !== undefined && readable !== request) copyMountMark(readable, mark);
        try {
          const given = await handler(readable, userExecution(execution), ...rest);
          const reading = readResponse(given, once.resultBytesMax);
          response = isPromise(reading) ? await reading : reading;
          return response.answer;
        } finally {
          refuseNested(mark);
        }
      },
    );
    if (mark !== undefined) clearMountMark(...forms);
    return webResponse(request.method, finish(answer), response, once.onError);
  };
  return Object.assign(run, { policy: once.policy, close });
}

/** The response with one more header: itself, or a copy where its headers can't be changed, as those of a redirect. */
function withHeader(response: Response, name: string, value: string): Response {
  try {
    response.headers.set(name, value);
    return response;
  } catch {
    const copy = new Response(response.body, response);
    copy.headers.set(name, value);
    return copy;
  }
}
