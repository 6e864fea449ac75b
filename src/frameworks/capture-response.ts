import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { HttpAnswer } from "../server/index.ts";
import { joinBytes, resultTooLarge } from "./read-bytes.ts";

/** A response that keeps what is written to it, instead of sending it. */
export interface CapturedResponse {
  /** The answer, once `end` was called; rejects with `ONCE_RESULT_TOO_LARGE` when more was written than may be kept. */
  readonly answer: Promise<HttpAnswer>;
  /** Sends an answer: the captured one, or another in its place. */
  send(answer: HttpAnswer): void;
}

type Callback = (error?: Error | null) => void;

/** Headers that Node sets itself from what it sends. */
const framing = new Set(["content-length", "transfer-encoding", "connection", "keep-alive", "date"]);

/**
 * Keeps all that a handler does to a Node response, however it does it (`writeHead`, `write`, `end`, a stream piped
 * into it), so that not a byte goes out before the answer is stored.
 */
export function captureResponse(response: ServerResponse, bytesMax: number): CapturedResponse {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const headersBefore = new Set(response.getHeaderNames());
  const chunks: Uint8Array[] = [];
  let length = 0;

  const keep = (chunk: unknown, encoding: BufferEncoding | undefined): void => {
    if (chunk === null || chunk === undefined) return;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : (chunk as Uint8Array);
    length += bytes.length;
    if (length > bytesMax) {
      chunks.length = 0;
      reject(resultTooLarge(bytesMax));
    } else {
      // The writer may use its buffer again.
      chunks.push(Uint8Array.from(bytes));
    }
  };
  const written = (...args: unknown[]): void => {
    const [chunk, encoding] = args;
    if (typeof chunk !== "function")
      keep(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : undefined);
    const callback = args.find((argument): argument is Callback => typeof argument === "function");
    if (callback !== undefined) queueMicrotask(callback);
  };

  const captured = {
    writeHead(status: number, ...rest: unknown[]): ServerResponse {
      response.statusCode = status;
      setHeaders(response, rest.find((argument) => typeof argument === "object") as HeadersArgument);
      return response;
    },
    flushHeaders: () => undefined,
    write: (...args: unknown[]): boolean => {
      written(...args);
      return true;
    },
    end: (...args: unknown[]): ServerResponse => {
      written(...args);
      resolve({ status: response.statusCode, headers: headersOf(response), body: joinBytes(chunks, length) });
      return response;
    },
  };
  Object.assign(response, captured);

  return {
    answer: promise,
    send({ status, headers, body }) {
      for (const name of Object.keys(captured)) Reflect.deleteProperty(response, name);
      for (const name of response.getHeaderNames()) if (!headersBefore.has(name)) response.removeHeader(name);
      const sent = headers.filter(([name]) => !framing.has(name.toLowerCase()));
      for (const [name] of sent) response.removeHeader(name);
      for (const [name, value] of sent) response.appendHeader(name, value);
      response.statusCode = status;
      response.end(body);
    },
  };
}

type HeadersArgument = OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined;

/** `writeHead` takes headers as an object, or as a flat list of names and values in turn. */
function setHeaders(response: ServerResponse, headers: HeadersArgument): void {
  if (headers === undefined) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
    return;
  }
  const pairs = Array.from({ length: headers.length / 2 }, (_, index) => headers.slice(index * 2, index * 2 + 2));
  for (const [name] of pairs) response.removeHeader(String(name));
  for (const [name, value] of pairs) response.appendHeader(String(name), Array.isArray(value) ? value : String(value));
}

function headersOf(response: ServerResponse): [string, string][] {
  return response.getHeaderNames().flatMap((name) => {
    const value = response.getHeader(name) ?? [];
    return (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, String(one)]);
  });
}
