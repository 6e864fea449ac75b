import { keyHeaderName } from "../key/index.ts";
import {
  type Execution,
  type HttpAnswer,
  type HttpOptions,
  type LeasedHttpOptions,
  onceHttp,
  type TransactionalHttpOptions,
} from "../server/index.ts";
import { bodyTooLarge, readBytes, resultTooLarge } from "./read-bytes.ts";

/** A handler in the web's own terms. The request's body can be read as always. */
export type FetchHandler<Transaction = undefined> = (
  request: Request,
  execution: Execution<Transaction>,
) => Response | Promise<Response>;

/** A handler that runs each operation once. */
export interface OnceFetch {
  (request: Request): Promise<Response>;
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
    if (passing !== undefined) return handler(request, passing);
    const { pathname, search } = new URL(request.url);
    const keyValue = request.headers.get(keyHeaderName);
    const answer = await once.answer(
      {
        native: request,
        method: request.method,
        path: pathname,
        query: search,
        contentType: request.headers.get("content-type") ?? "",
        keyValues: keyValue === null ? [] : [keyValue],
        body: (bytesMax) => readBytes(request.body, bytesMax, bodyTooLarge),
      },
      async (execution, body) => {
        const readable = request.body === null ? request : new Request(request, { body });
        return answerOf(await handler(readable, execution), once.resultBytesMax);
      },
    );
    return responseOf(answer);
  };
  return Object.assign(run, { close: () => once.close() });
}

async function answerOf(response: Response, bytesMax: number): Promise<HttpAnswer> {
  const body = await readBytes(response.body, bytesMax, resultTooLarge);
  return { status: response.status, headers: [...response.headers], body };
}

function responseOf({ status, headers, body }: HttpAnswer): Response {
  // Statuses that may have no body (fetch standard, "null body status").
  const bodiless = status === 204 || status === 205 || status === 304;
  const response = new Response(bodiless ? null : Uint8Array.from(body), { status });
  response.headers.delete("content-type");
  for (const [name, value] of headers) response.headers.append(name, value);
  return response;
}
