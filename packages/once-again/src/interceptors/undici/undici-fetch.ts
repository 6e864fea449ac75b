import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkMethod, requireFunction } from "../../core/options.ts";
import { type UndiciAnswer, type UndiciResponse, undiciResponseClass } from "./undici-response.ts";

/** The redirects of a request, as undici's redirect interceptor reports them. */
interface Context {
  readonly history?: readonly URL[];
}

/** undici's `request`, as far as it is used here; that of undici 7 and 8 fits. */
export type UndiciRequest = (url: string, options: never) => Promise<UndiciAnswer & { readonly context?: Context }>;

/**
 * A `fetch` over undici's `request`, for the option `fetch` of `retryingFetch`. It is several times as fast as `fetch`,
 * which spends most of its time in web streams. A caller that reads a response as text, JSON or bytes needs none.
 *
 * ```ts
 * const fetch = retryingFetch({ fetch: undiciFetch(request, { dispatcher: new Agent() }) });
 * ```
 *
 * It resolves with a `Response`, and rejects with undici's own errors and the signal's reason. What `fetch` does beyond
 * sending a request, it does not: answers are not decompressed (and none are asked for compressed), there are no
 * default headers, cookies, cache or CORS, and a redirect is returned as it is, unless the dispatcher has undici's
 * redirect interceptor; with `redirect: "error"` it rejects. An answer's body must be read or cancelled, or its
 * connection stays taken.
 *
 * @param request undici's `request`.
 * @param options.dispatcher what sends; default undici's global one.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a `request` that is no function, and a `dispatcher` without `dispatch`.
 */
export function undiciFetch(request: UndiciRequest, options: { readonly dispatcher?: unknown } = {}): typeof fetch {
  requireFunction("request", "undici's request, as undiciFetch(request, { dispatcher })", request);
  checkNames("undiciFetch", options, { dispatcher: true } satisfies OptionNames<typeof options>);
  const dispatcher = checkMethod("dispatcher", "a dispatcher of undici", options.dispatcher, "dispatch");
  const AnswerClass = undiciResponseClass();
  return async (input, init = {}) => {
    const inputRequest = input instanceof Request ? input : undefined;
    const url = input instanceof Request ? input.url : input.toString();
    const method = init.method ?? inputRequest?.method ?? "GET";
    const headers = new Headers(init.headers ?? inputRequest?.headers);
    const body = await sendable(init.body === undefined ? inputRequest?.body : init.body, headers);
    const signal = init.signal ?? inputRequest?.signal;
    const answer = await request(url, { method, headers, body, signal, dispatcher } as never);
    const history = answer.context?.history ?? [];
    const response = new AnswerClass(answer, {
      method,
      url: String(history.at(-1) ?? url),
      redirected: history.length > 1,
    });
    if ((init.redirect ?? inputRequest?.redirect) !== "error" || !isRedirect(response)) return response;
    await response.body?.cancel();
    throw new TypeError(`A redirect was answered by ${url}, which \`redirect: "error"\` does not allow.`);
  };
}

/** A body as undici's `request` takes it. The type that it brings goes into the headers, as `fetch` has it. */
async function sendable(body: RequestInit["body"], headers: Headers): Promise<unknown> {
  if (body === null || body === undefined || body instanceof ReadableStream || body instanceof ArrayBuffer) return body;
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  if (typeof body === "string") {
    // As a Request would have it, which would make a web stream of it.
    if (!headers.has("content-type")) headers.set("content-type", "text/plain;charset=UTF-8");
    return body;
  }
  // No Response, since a server of Hono replaces that by one which says text/plain of any Blob.
  const serialised = new Request("http://localhost/", { method: "POST", body });
  const type = serialised.headers.get("content-type");
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  return new Uint8Array(await serialised.arrayBuffer());
}

function isRedirect({ status, headers }: UndiciResponse): boolean {
  return [301, 302, 303, 307, 308].includes(status) && headers.has("location");
}
