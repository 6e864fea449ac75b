import { invalidOptionError } from "../../core/options.ts";
import type { HttpRequest, HttpResponse } from "../../http/index.ts";
import { bodyTooLargeError } from "../errors.ts";
import { readResponse } from "../web-messages.ts";

type Texts = Readonly<Record<string, string | undefined>>;
type TextLists = Readonly<Record<string, readonly string[] | undefined>>;

/** The parts that we use of an event of an HTTP API (payload 2.0), or of a function URL. */
export interface HttpEventV2 {
  readonly rawPath: string;
  readonly rawQueryString?: string | undefined;
  readonly headers?: Texts | undefined;
  readonly cookies?: readonly string[] | undefined;
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean | undefined;
  readonly requestContext: { readonly http: { readonly method: string } };
}

/** The parts that we use of an event of a REST API, of an HTTP API (payload 1.0), or of a load balancer. */
export interface HttpEventV1 {
  readonly httpMethod: string;
  readonly path: string;
  readonly headers?: Texts | null | undefined;
  readonly multiValueHeaders?: TextLists | null | undefined;
  readonly queryStringParameters?: Texts | null | undefined;
  readonly multiValueQueryStringParameters?: TextLists | null | undefined;
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean | undefined;
  readonly requestContext?: { readonly path?: string | undefined; readonly elb?: object | undefined } | undefined;
}

/** A request as Lambda is given it. */
export type HttpEvent = HttpEventV1 | HttpEventV2;

/** The answer of a handler in Lambda's own terms. */
export interface LambdaResponse {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly multiValueHeaders?: Readonly<Record<string, readonly (string | number | boolean)[]>> | undefined;
  /** Values of `Set-Cookie`. */
  readonly cookies?: readonly string[] | undefined;
  readonly body?: string | undefined;
  /** Whether `body` is bytes in Base64. */
  readonly isBase64Encoded?: boolean | undefined;
}

/** An answer as Lambda sends it. Which of the headers it has goes by the event. */
export interface LambdaHttpAnswer {
  statusCode: number;
  headers?: Record<string, string>;
  multiValueHeaders?: Record<string, string[]>;
  cookies?: string[];
  body: string;
  isBase64Encoded: boolean;
}

const isV2 = (event: HttpEvent): event is HttpEventV2 =>
  !("httpMethod" in event && typeof event.httpMethod === "string");

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an event that is no request. */
export function checkHttpEvent(event: HttpEvent): void {
  const given = (event ?? {}) as Partial<HttpEventV1 & HttpEventV2>;
  const isRequest =
    typeof given.httpMethod === "string"
      ? typeof given.path === "string"
      : typeof given.rawPath === "string" && typeof given.requestContext?.http?.method === "string";
  if (isRequest) return;
  throw invalidOptionError(
    "event",
    "a request of API Gateway, a function URL or a load balancer; onceLambda takes any other event",
    typeof event === "object" ? Object.keys(given).join(", ") : typeof event,
  );
}

export function methodOf(event: HttpEvent): string {
  return isV2(event) ? event.requestContext.http.method : event.httpMethod;
}

/** An event as the rules see it. */
export function httpRequestOf<Event extends HttpEvent>(
  event: Event,
  timeLeftMs: number | undefined,
  body: HttpRequest<Event>["body"],
): HttpRequest<Event> {
  return {
    native: event,
    method: methodOf(event),
    // That of `requestContext` has the stage, as the caller sent it.
    path: isV2(event) ? event.rawPath : (event.requestContext?.path ?? event.path),
    query: queryOf(event),
    contentType: headerValuesOf(event, "content-type")[0] ?? "",
    headerValues: (name) => headerValuesOf(event, name),
    body,
    timeLeftMs,
  };
}

/** @throws OnceAgainError `ONCE_BODY_TOO_LARGE`. */
export function bodyOf({ body, isBase64Encoded }: HttpEvent, bytesMax: number): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(body ?? "", isBase64Encoded === true);
  if (bytes.length > bytesMax) throw bodyTooLargeError(bytesMax);
  return bytes;
}

function bytesOf(text: string, isBase64: boolean): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, isBase64 ? "base64" : "utf8"));
}

function queryOf(event: HttpEvent): string {
  if (isV2(event)) return event.rawQueryString ? `?${event.rawQueryString}` : "";
  const single = Object.entries(event.queryStringParameters ?? {}).map(([name, value]) => [name, [value]] as const);
  const lists = event.multiValueQueryStringParameters ? Object.entries(event.multiValueQueryStringParameters) : single;
  // A load balancer hands them over as they were sent; API Gateway has decoded them.
  const encode = event.requestContext?.elb === undefined ? encodeURIComponent : (text: string) => text;
  const pairs = lists.flatMap(([name, values]) =>
    (values ?? []).map((value) => `${encode(name)}=${encode(value ?? "")}`),
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function headerValuesOf(event: HttpEvent, lowerCaseName: string): readonly string[] {
  const isIt = ([name]: readonly [string, unknown]): boolean => name.toLowerCase() === lowerCaseName;
  if (!isV2(event) && event.multiValueHeaders) {
    return Object.entries(event.multiValueHeaders)
      .filter(isIt)
      .flatMap(([, values]) => values ?? []);
  }
  const values = Object.entries(event.headers ?? {})
    .filter(isIt)
    .flatMap(([, value]) => (value === undefined ? [] : [value]));
  if (lowerCaseName === "cookie" && isV2(event) && event.cookies !== undefined) return [event.cookies.join("; ")];
  return values;
}

/**
 * The answer of a handler as data.
 *
 * @param answer a web `Response`, an answer in Lambda's own terms, or, for payload 2.0, anything else as JSON.
 * @throws TypeError for a body that is no text; as `readResponse` does.
 */
export async function readAnswer(event: HttpEvent, answer: unknown, bytesMax: number): Promise<HttpResponse> {
  if (answer instanceof Response) return (await readResponse(answer, bytesMax)).answer;
  if (isV2(event) && !hasStatus(answer)) return inferredResponse(answer);
  const {
    statusCode,
    headers = {},
    multiValueHeaders = {},
    cookies = [],
    body,
    isBase64Encoded,
  } = (answer ?? {}) as Partial<LambdaResponse>;
  if (body !== undefined && body !== null && typeof body !== "string") {
    throw new TypeError(
      "The body of an answer to Lambda is a text. Encode what else it is to be, as by JSON.stringify(…).",
    );
  }
  const several = new Set(Object.keys(multiValueHeaders).map((name) => name.toLowerCase()));
  return {
    status: Number(statusCode),
    headers: [
      ...Object.entries(headers).filter(([name]) => !several.has(name.toLowerCase())),
      ...Object.entries(multiValueHeaders).flatMap(([name, values]) => values.map((value) => [name, value] as const)),
      ...cookies.map((cookie) => ["set-cookie", cookie] as const),
    ].map(([name, value]) => [name, String(value)] as const),
    body: bytesOf(body ?? "", isBase64Encoded === true),
  };
}

const hasStatus = (answer: unknown): boolean => typeof answer === "object" && answer !== null && "statusCode" in answer;

/** The response that API Gateway makes of an answer without a status (payload 2.0). */
function inferredResponse(answer: unknown): HttpResponse {
  const text = typeof answer === "string" ? answer : (JSON.stringify(answer) ?? "");
  return { status: 200, headers: [["content-type", "application/json"]], body: bytesOf(text, false) };
}

/** An answer in the terms of the event's source. */
export function lambdaAnswer(event: HttpEvent, { status, headers, body }: HttpResponse): LambdaHttpAnswer {
  const sent = headers.filter(([name]) => !isFraming(name));
  return { statusCode: status, ...headersFor(event, sent), ...bodyFor(body) };
}

/** Lambda's front sends the body whole, with a length that it counts itself. */
const isFraming = (name: string): boolean => ["content-length", "transfer-encoding"].includes(name.toLowerCase());

function headersFor(
  event: HttpEvent,
  headers: HttpResponse["headers"],
): Pick<LambdaHttpAnswer, "headers" | "multiValueHeaders" | "cookies"> {
  const lists = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const lowerCase = name.toLowerCase();
    lists.set(lowerCase, [...(lists.get(lowerCase) ?? []), value]);
  }
  if (!isV2(event) && event.multiValueHeaders) return { multiValueHeaders: Object.fromEntries(lists) };
  const cookies = lists.get("set-cookie") ?? [];
  lists.delete("set-cookie");
  const joined = Object.fromEntries([...lists].map(([name, values]) => [name, values.join(", ")]));
  if (isV2(event)) return { headers: joined, ...(cookies.length > 0 && { cookies }) };
  // A load balancer takes one value for each name, and distinguishes names by their case; cookies can't be joined.
  const variants = cookies.map((cookie, index) => [withCase("set-cookie", index), cookie] as const);
  return { headers: { ...joined, ...Object.fromEntries(variants) } };
}

/** A name in one of the ways to write it: the letters are upper case where the number has a bit. */
function withCase(name: string, bits: number): string {
  let letters = 0;
  return name.replaceAll(/[a-z]/g, (letter) => ((bits >> letters++) & 1 ? letter.toUpperCase() : letter));
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The same bytes go out whether they are handed over as a text or in Base64, so bytes are text where they can be. */
function bodyFor(body: Uint8Array): Pick<LambdaHttpAnswer, "body" | "isBase64Encoded"> {
  try {
    return { body: decoder.decode(body), isBase64Encoded: false };
  } catch {
    return { body: Buffer.from(body).toString("base64"), isBase64Encoded: true };
  }
}
