import { emptyBytes, joinBytes } from "../core/bytes.ts";
import { trimHeader } from "../key/key.ts";
import type { Codec, Execution, Outcome } from "../engine/engine.ts";

/**
 * A handler as the rules see it. `body` is the request's, read already. Pass its execution to users as
 * `userExecution(execution)`, which may be spread.
 */
export type HttpHandler<Transaction> = (
  execution: Execution<Transaction>,
  body: Uint8Array<ArrayBuffer>,
) => Promise<HttpResponse>;

/** An HTTP answer as data: what a handler gave, or what we keep of it. */
export interface HttpResponse {
  status: number;
  /** In the order in which they were set; a repeated header stands here once for each value. */
  headers: readonly (readonly [name: string, value: string])[];
  body: Uint8Array;
  /** Headers that middleware in front had set and the handler took away, in lower case. A repeat lacks them, too. */
  removed?: readonly string[] | undefined;
  /** Whether middleware in front saw no length of the body, so that it must not see one at a repeat. */
  isLengthHidden?: boolean | undefined;
}

/**
 * Headers that belong to one connection (RFC 9110, section 7.6.1), to one moment, or to one caller's session: they are
 * not stored. The length is that of the body that is sent.
 */
const notStored = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const newline = 0x0a;
const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

/** An answer as bytes for the store: a line of JSON for status and headers, then the body as it is. */
export function encodeResponse({ status, headers, removed, isLengthHidden, body }: HttpResponse): Uint8Array {
  const dropped = connectionOptions(headers);
  const storedHeaders = headers.filter(([name]) => {
    const lowerCase = name.toLowerCase();
    return !notStored.has(lowerCase) && !dropped?.has(lowerCase);
  });
  const head = `${JSON.stringify({ status, headers: storedHeaders, removed, isLengthHidden })}\n`;
  const bytes = emptyBytes(head.length + body.length);
  // Nearly all headers are ASCII, a byte for each character.
  const { read, written } = encoder.encodeInto(head, bytes);
  if (read < head.length || written > head.length) return joinBytes([encoder.encode(head), body]);
  bytes.set(body, head.length);
  return bytes;
}

/** The bytes of a text in UTF-8. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  const bytes = emptyBytes(text.length);
  return encoder.encodeInto(text, bytes).read < text.length ? encoder.encode(text) : bytes;
}

/** The headers that belong to the connection because its own header names them (RFC 9110, section 7.6.1). */
function connectionOptions(headers: HttpResponse["headers"]): ReadonlySet<string> | undefined {
  let options: Set<string> | undefined;
  for (const [name, value] of headers) {
    if (name.toLowerCase() !== "connection") continue;
    options ??= new Set();
    for (const option of value.toLowerCase().split(",")) options.add(trimHeader(option));
  }
  return options;
}

/**
 * Reads the response that `encodeResponse` made bytes of. What it can't have made is refused, since it would be sent: another
 * program wrote it, or the bytes are damaged.
 *
 * @throws TypeError for what is no stored response, with the reason.
 */
export function decodeResponse(bytes: Uint8Array): HttpResponse {
  const headEnd = bytes.indexOf(newline);
  if (headEnd === -1) throw new TypeError("it has no line with a status and headers");
  const head: unknown = JSON.parse(decoder.decode(bytes.subarray(0, headEnd)));
  if (!isHead(head)) throw new TypeError("its first line is no status with a list of headers");
  const { status, headers, removed, isLengthHidden } = head;
  const body = bytes.subarray(headEnd + 1);
  const isPlain = removed === undefined && isLengthHidden === undefined;
  const response = isPlain ? { status, headers, body } : { status, headers, body, removed, isLengthHidden };
  const problem = sendProblem(response) ?? storeProblem(response);
  if (problem !== undefined) throw new TypeError(problem);
  return response;
}

function isHead(head: unknown): head is Omit<HttpResponse, "body"> {
  if (typeof head !== "object" || head === null || !("status" in head && "headers" in head)) return false;
  const { removed, isLengthHidden } = head as Partial<HttpResponse>;
  if (removed !== undefined && !(Array.isArray(removed) && removed.every(isRemovable))) return false;
  if (isLengthHidden !== undefined && typeof isLengthHidden !== "boolean") return false;
  return Array.isArray(head.headers) && head.headers.every((header) => Array.isArray(header) && header.length === 2);
}

function isRemovable(name: unknown): boolean {
  return typeof name === "string" && isHeaderName(name);
}

/** Why no route stores a response that could be sent. */
function storeProblem({ headers }: HttpResponse): string | undefined {
  const header = headers.find(([name]) => notStored.has(name.toLowerCase()));
  return header && `it has a header ${header[0]}, which is never stored`;
}

/** A response of a handler, and its bytes where they were asked for before. */
export interface HandlerResponse {
  readonly response: HttpResponse;
  readonly bytes?: Uint8Array | undefined;
}

/** How the responses of handlers are stored. */
export const responseCodec: Codec<HandlerResponse> = {
  encode: ({ response, bytes }) => bytes ?? encodeResponse(response),
  decode: (bytes) => ({ response: decodeResponse(bytes), bytes }),
};

/** The characters of a header's name (RFC 9110, section 5.6.2). */
const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;

export function isHeaderName(name: string): boolean {
  return token.test(name);
}

/** The characters that no value may hold, by Node's rules, which are the strictest: control characters but for the tab, and all beyond Latin-1. */
const notInValue = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/**
 * Why an answer can't be sent, by Node or as a web `Response`; `undefined` when it can. What can't be sent is never
 * stored: every repeat would fail at it anew. A value is not shown, since it may be a secret.
 */
export function sendProblem({ status, headers, body }: HttpResponse): string | undefined {
  // Neither informational nor out of HTTP's range (RFC 9110, section 15).
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    return `its status is ${String(status)}, and 200 to 599 are allowed`;
  }
  for (const [name, value] of headers) {
    if (typeof name !== "string" || !isHeaderName(name)) return `${JSON.stringify(name)} is no name of a header`;
    if (typeof value !== "string") return `the value of its header ${name} is no text`;
    if (notInValue.test(value)) {
      return `the value of its header ${name} has a control character, or one beyond Latin-1; encode it`;
    }
  }
  return body instanceof Uint8Array ? undefined : "its body is neither text nor bytes";
}

/** The value of a header, the first one where it is repeated; `undefined` without it. */
export const headerValue = (headers: HttpResponse["headers"], lowerCaseName: string): string | undefined =>
  headers.find(([name]) => name.toLowerCase() === lowerCaseName)?.[1];

/** The answer without a promise of trailers, which one that is sent whole, with its length, can't keep. */
export function withoutTrailer(answer: HttpResponse): HttpResponse {
  if (!answer.headers.some(isTrailer)) return answer;
  return { ...answer, headers: answer.headers.filter((header) => !isTrailer(header)) };
}

const isTrailer = ([name]: readonly [string, string]): boolean =>
  name.length === "trailer".length && name.toLowerCase() === "trailer";

const replayed = ["idempotent-replayed", "true"] as const;

/** The response to a request with a key, where its operation has one. */
export function responseOf({ kind, result }: Extract<Outcome<HandlerResponse>, { result: unknown }>): HttpResponse {
  return kind === "executed" ? result.response : withHeader(result.response, replayed);
}

/** A response with one header more. */
export function withHeader(response: HttpResponse, header: readonly [name: string, value: string]): HttpResponse {
  return { ...response, headers: [...response.headers, header] };
}
