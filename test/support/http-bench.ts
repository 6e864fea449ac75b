import { policyHeaderName } from "../../packages/once-again/src/http/profile.ts";
import type { HttpResponse, HttpHandler, HttpRequest } from "../../packages/once-again/src/http/index.ts";
import type { OnceHttp } from "../../packages/once-again/src/http/handle-request.ts";

/** The differences from a POST to /orders by account acme, with a JSON body. */
export interface Asked {
  method?: string;
  path?: string;
  query?: string;
  contentType?: string;
  keys?: readonly string[];
  /** By its small letters; beside the key. */
  headers?: Readonly<Record<string, string>>;
  account?: string;
  text?: string;
  body?: HttpRequest<string>["body"];
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A request as a framework would make it; the account stands for the framework's own request. */
export function httpRequest(asked: Asked = {}): HttpRequest<string> {
  const content = bytes(asked.text ?? '{"item":"tea"}');
  return {
    native: asked.account ?? "acme",
    method: asked.method ?? "POST",
    path: asked.path ?? "/orders",
    query: asked.query ?? "",
    contentType: asked.contentType ?? "application/json",
    headerValues: (name) => [asked.headers?.[name] ?? asked.keys ?? "order-7"].flat(),
    body: asked.body ?? (async () => content),
  };
}

/** Headers without the policy, which every answer of a route has. */
export const handlersOwn = (headers: HttpResponse["headers"]): HttpResponse["headers"] =>
  headers.filter(([name]) => name !== policyHeaderName);

/** An answer in a form that is easily compared. */
export interface Said {
  status: number;
  headers: Record<string, string[]>;
  text: string;
  /** The code of the problem in the body, if it has one. */
  code: string | undefined;
  retryAfter: string | undefined;
  replayed: boolean;
}

export function said(answer: HttpResponse): Said {
  const headers: Record<string, string[]> = {};
  for (const [name, value] of answer.headers) (headers[name.toLowerCase()] ??= []).push(value);
  const isProblem = headers["content-type"]?.[0] === "application/problem+json";
  const problem = isProblem ? (JSON.parse(text(answer.body)) as { code?: string }) : {};
  return {
    status: answer.status,
    headers,
    text: text(answer.body),
    code: problem.code,
    retryAfter: headers["retry-after"]?.[0],
    replayed: headers["idempotent-replayed"]?.[0] === "true",
  };
}

export const ask = async <Transaction>(
  once: OnceHttp<string, Transaction>,
  handler: HttpHandler<Transaction>,
  asked: Asked = {},
): Promise<Said> => said(await once.answer(httpRequest(asked), handler));
