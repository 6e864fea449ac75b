import {
  type Execution,
  type HttpOptions,
  type IdempotencyPolicy,
  type LeasedHttpOptions,
  onceHttp,
  type TransactionalHttpOptions,
} from "../server/index.ts";
import { bodyTooLarge, readBytes } from "./read-bytes.ts";
import { answerOf, httpRequestOf, responseOf } from "./web-messages.ts";

/** A handler in the web's own terms. The request's body can be read as always. */
export type FetchHandler<Transaction = undefined> = (
  request: Request,
  execution: Execution<Transaction>,
) => Response | Promise<Response>;

/** A handler that runs each operation once. */
export interface OnceFetch {
  (request: Request): Promise<Response>;
  /** What the route says of itself: serve it as JSON where callers may look it up. */
  readonly policy: IdempotencyPolicy;
  /** Takes no new operations, and resolves when the running ones have ended and are kept. */
  close(): Promise<void>;
}

/**
 * Wraps a handler of web-standard requests (Hono, Deno, Bun, workers), so that each operation that carries an
 * `Idempotency-Key` happens once, and every repeat gets the first answer.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. The wrapped handler itself never rejects, except
 *   with what a handler throws at a request that passes through.
 */
export function onceFetch(options: LeasedHttpOptions<Request>, handler: FetchHandler): OnceFetch;
export function onceFetch<Transaction>(
  options: TransactionalHttpOptions<Request, Transaction>,
  handler: FetchHandler<Transaction>,
): OnceFetch;
export function onceFetch<Transaction>(
  options: HttpOptions<Request, Transaction>,
  handler: FetchHandler<Transaction>,
): OnceFetch {
  const once = onceHttp(options);

  const run = async (request: Request): Promise<Response> => {
    const passing = once.passing(request.method);
    if (passing !== undefined) return withHeader(await handler(request, passing), ...once.policyHeader);
    const answer = await once.answer(
      httpRequestOf(request, request, (bytesMax) => readBytes(request.body, bytesMax, bodyTooLarge)),
      async (execution, body) => {
        const readable = request.body === null ? request : new Request(request, { body });
        return answerOf(await handler(readable, execution), once.resultBytesMax);
      },
    );
    return responseOf(answer);
  };
  return Object.assign(run, { policy: once.policy, close: () => once.close() });
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
