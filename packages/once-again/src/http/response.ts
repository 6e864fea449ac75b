import { emptyBytes, joinBytes } from "../core/bytes.ts";
import { type ErrorCode, errorCodes } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { trimHeader } from "../key/key.ts";
import type { Profile } from "./profile.ts";
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
export function encodeResponse({ status, headers, body }: HttpResponse): Uint8Array {
  const dropped = connectionOptions(headers);
  const storedHeaders = headers.filter(([name]) => {
    const lowerCase = name.toLowerCase();
    return !notStored.has(lowerCase) && !dropped?.has(lowerCase);
  });
  const head = `${JSON.stringify({ status, headers: storedHeaders })}\n`;
  const bytes = emptyBytes(head.length + body.length);
  // Nearly all headers are ASCII, a byte for each character.
  const { read, written } = encoder.encodeInto(head, bytes);
  if (read < head.length || written > head.length) return joinBytes([encoder.encode(head), body]);
  bytes.set(body, head.length);
  return bytes;
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

/** The answer that `encodeResponse` made bytes of. */
export function decodeResponse(bytes: Uint8Array): HttpResponse {
  const headEnd = bytes.indexOf(newline);
  const { status, headers } = JSON.parse(decoder.decode(bytes.subarray(0, headEnd))) as Omit<HttpResponse, "body">;
  return { status, headers, body: bytes.subarray(headEnd + 1) };
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

/** The answer without a promise of trailers, which one that is sent whole, with its length, can't keep. */
export function withoutTrailer(answer: HttpResponse): HttpResponse {
  if (!answer.headers.some(isTrailer)) return answer;
  return { ...answer, headers: answer.headers.filter((header) => !isTrailer(header)) };
}

const isTrailer = ([name]: readonly [string, string]): boolean =>
  name.length === "trailer".length && name.toLowerCase() === "trailer";

/** The status of each error that we answer with ourselves. */
const statuses = {
  ONCE_KEY_INVALID: 400,
  ONCE_SIGNATURE_INVALID: 401,
  ONCE_IN_PROGRESS: 409,
  ONCE_OUTCOME_UNKNOWN: 409,
  ONCE_KEY_EXPIRED: 412,
  ONCE_BODY_TOO_LARGE: 413,
  ONCE_KEY_REUSED: 422,
  ONCE_QUOTA_EXCEEDED: 429,
  ONCE_BODY_CONSUMED: 500,
  ONCE_HANDLER_FAILED: 500,
  ONCE_OPTION_INVALID: 500,
  // The record may be the result of an effect: no 503, which says that nothing happened.
  ONCE_RECORD_BROKEN: 500,
  ONCE_SEAL_BROKEN: 500,
  ONCE_MOUNTED_TWICE: 500,
  ONCE_RESULT_TOO_LARGE: 500,
  ONCE_CLOSED: 503,
  ONCE_NO_EFFECT: 503,
  ONCE_STORE_UNAVAILABLE: 503,
  // As of a gateway that waited for another in vain: callers must not conclude that nothing happened.
  ONCE_HANDLER_TIMEOUT: 504,
  ONCE_RESULT_UNCONFIRMED: 504,
} as const satisfies Partial<Record<ErrorCode, number>>;

/** The code of an error that has an HTTP answer. */
export type ProblemCode = keyof typeof statuses;

/**
 * Errors after which the same request, with the same key, is worth sending again at a time that we name. Beside "in
 * progress" they are 429 or 503, by which a caller knows that this request had no effect: it may repeat even what has no key.
 */
const comeBack: ReadonlySet<ProblemCode> = new Set([
  "ONCE_CLOSED",
  "ONCE_IN_PROGRESS",
  "ONCE_NO_EFFECT",
  "ONCE_QUOTA_EXCEEDED",
  "ONCE_STORE_UNAVAILABLE",
]);

/** Whether an error code has an HTTP answer. */
export function isProblemCode(code: ErrorCode): code is ProblemCode {
  return code in statuses;
}

/** How our own answers look. */
export interface ProblemStyle {
  profile: Pick<Profile, "contentType" | "body">;
  /** The beginning of a problem's `type`; the page of the error code follows. */
  problemBase: string;
  /** The `Retry-After` of answers after which to come back, seconds. */
  retryAfterSeconds: number;
  /** The status for a key that was used before with another request. */
  reusedStatus: 409 | 422;
}

/** One of our own answers: problem+json (RFC 9457), where the profile says nothing else. */
export function problem(style: ProblemStyle, code: ProblemCode, detail: string): HttpResponse {
  const status = code === "ONCE_KEY_REUSED" ? style.reusedStatus : statuses[code];
  const type = `${style.problemBase}${code}.md`;
  const refusal = { type, title: errorCodes[code], status, detail, code };
  const body = new TextEncoder().encode(JSON.stringify(style.profile.body(refusal)));
  const headers: [string, string][] = [["content-type", style.profile.contentType]];
  if (comeBack.has(code)) headers.push(["retry-after", String(style.retryAfterSeconds)]);
  return { status, headers, body };
}

const replayed = ["idempotent-replayed", "true"] as const;

/** The response to a request with a key, by what became of its operation. */
export function responseTo(outcome: Outcome<HandlerResponse>, rules: ProblemStyle): HttpResponse {
  const refusal = (code: ProblemCode, detail: string): HttpResponse => problem(rules, code, detail);
  switch (outcome.kind) {
    case "executed":
      return outcome.result.response;
    case "replayed":
      return withHeader(outcome.result.response, replayed);
    case "in-progress":
      return refusal("ONCE_IN_PROGRESS", "The operation with this key is still running. Ask again with the same key.");
    case "mismatch":
      return refusal(
        "ONCE_KEY_REUSED",
        "This key was used before with another request. Use a new key for a new operation.",
      );
    case "outcome-unknown":
      return refusal(
        "ONCE_OUTCOME_UNKNOWN",
        "An earlier attempt at this operation ended without a word, so it may or may not have happened. It is held " +
          "until a person has looked; don't send it under another key.",
      );
  }
}

/** Errors that are answered to the caller and also reported to `onError`. */
const forOperators: ReadonlySet<ErrorCode> = new Set([
  "ONCE_BODY_CONSUMED",
  "ONCE_HANDLER_TIMEOUT",
  "ONCE_MOUNTED_TWICE",
  "ONCE_RESULT_UNCONFIRMED",
  "ONCE_STORE_UNAVAILABLE",
]);

/** The response to a request that failed outside its handler's own answers. */
export function responseToError(
  error: unknown,
  rules: ProblemStyle & { onError: (error: unknown) => void },
): HttpResponse {
  if (isSetupFault(error)) {
    rules.onError(error);
    return problem(rules, "ONCE_OPTION_INVALID", "The service is set up wrongly. Nothing happened.");
  }
  const unreadable = unreadableRecord(error);
  if (unreadable !== undefined) {
    rules.onError(error);
    return problem(rules, unreadable, "What is stored under this key can't be read, so its outcome is not known here.");
  }
  if (OnceAgainError.isInstance(error) && isProblemCode(error.code) && error.code !== "ONCE_HANDLER_FAILED") {
    if (forOperators.has(error.code)) rules.onError(error);
    return problem(rules, error.code, error.message);
  }
  rules.onError(error);
  return problem(rules, "ONCE_HANDLER_FAILED", "The service failed. Ask again, with the same key, what became of it.");
}

/**
 * Whether a request failed before its handler ran, at what will not pass by itself: to invite a repeat, as for a store
 * that is down, would be no help.
 */
function isSetupFault(error: unknown): boolean {
  if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return true;
  // A claim that the store refuses to make, beneath what asked for it twice.
  const isRefusal = OnceAgainError.isInstance(error, "ONCE_STORE_UNAVAILABLE") || isGivenUp(error);
  return isRefusal && isSetupFault((error as Error).cause);
}

/** Why the store's record can't be read, beneath what asked for it twice: it may be that of an effect. */
function unreadableRecord(error: unknown): "ONCE_RECORD_BROKEN" | "ONCE_SEAL_BROKEN" | undefined {
  if (OnceAgainError.isInstance(error, "ONCE_SEAL_BROKEN")) return "ONCE_SEAL_BROKEN";
  if (OnceAgainError.isInstance(error, "ONCE_RECORD_BROKEN")) return "ONCE_RECORD_BROKEN";
  const hasCause = OnceAgainError.isInstance(error, "ONCE_STORE_UNAVAILABLE") || isGivenUp(error);
  return hasCause ? unreadableRecord((error as Error).cause) : undefined;
}

const isGivenUp = (error: unknown): boolean => OnceAgainError.isInstance(error, "ONCE_ATTEMPTS_EXHAUSTED");

/** A response with one header more. */
export function withHeader(
  { status, headers, body }: HttpResponse,
  header: readonly [name: string, value: string],
): HttpResponse {
  return { status, headers: [...headers, header], body };
}
