import type { IncomingMessage, ServerResponse } from "node:http";
import { setImmediate } from "node:timers";
import type { Awaitable } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import { ownGetters } from "../core/spreadable.ts";
import type { Execution } from "../engine/index.ts";
import { executionNames } from "../engine/execution.ts";
import type { HttpRequest, OnceHttp, OnceRoute } from "../http/index.ts";

/** What a handler on Node's HTTP is told of its operation. */
export interface NodeExecution<Transaction = undefined> extends Execution<Transaction> {
  /** The request's body, read already; empty for a request that passes through, whose stream is still unread. */
  readonly body: Buffer;
}

const ofUsers = ownGetters<NodeExecution<never>>([...executionNames, "event", "body"]);
const noBytes = new Uint8Array();

/** What a handler on Node's HTTP is told, which it may spread. */
export function nodeExecution<Transaction>(
  execution: Execution<Transaction>,
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
): NodeExecution<Transaction> {
  const given = execution as Execution<Transaction> & { body: Buffer };
  given.body = Buffer.from(buffer, byteOffset, byteLength);
  return new Proxy(given, ofUsers);
}

/** Reads the body of a framework's request. */
export type ReadBody<Native> = (native: Native, bytesMax: number) => Awaitable<Uint8Array<ArrayBuffer>>;

/** One request on Node's HTTP, and the rules of its route. It is the request as these see it, too. */
export class NodeCall<Native, Transaction> implements HttpRequest<Native> {
  readonly once: OnceHttp<Native, Transaction>;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly native: Native;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly contentType: string;
  readonly #readBody: ReadBody<Native>;

  /**
   * @param native the framework's own request, for `scope`.
   * @param url the request's target as it was sent, with every mount point.
   */
  constructor(
    once: OnceHttp<Native, Transaction>,
    { incoming, response }: { incoming: IncomingMessage; response: ServerResponse },
    native: Native,
    url: string,
    readBody: ReadBody<Native>,
  ) {
    const queryStart = url.indexOf("?");
    this.once = once;
    this.incoming = incoming;
    this.response = response;
    this.native = native;
    this.method = incoming.method ?? "";
    this.path = queryStart < 0 ? url : url.slice(0, queryStart);
    this.query = queryStart < 0 ? "" : url.slice(queryStart);
    this.contentType = incoming.headers["content-type"] ?? "";
    this.#readBody = readBody;
  }

  headerValues(lowerCaseName: string): string[] {
    return headerValues(this.incoming, lowerCaseName);
  }

  body(bytesMax: number): Awaitable<Uint8Array<ArrayBuffer>> {
    return this.#readBody(this.native, bytesMax);
  }
}

/**
 * The execution of a request that passes through; `undefined` for every other request. Its response carries the route's
 * policy, unless the request was skipped.
 */
export function nodePassingExecution<Native, Transaction>({
  once,
  incoming,
  response,
  native,
}: NodeCall<Native, Transaction>): NodeExecution<Transaction> | undefined {
  const { method = "" } = incoming;
  const passing = once.passing(method, native);
  if (passing === undefined) return undefined;
  if (!once.takesKey(method)) response.setHeader(...once.policyHeader);
  return nodeExecution(passing, noBytes);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Closes a route. Answers that are known by then go out before it resolves, unless middleware in front holds them back. */
export async function closeRoute(once: Pick<OnceRoute, "close">): Promise<void> {
  await once.close();
  // Those of this turn go out in the next one, maybe behind us.
  await nextTurn();
  await nextTurn();
}

/** Headers of which Node joins repeated ones by commas: where there is none, there was but one. */
const joinsRepeated = /^(?:idempotency-key$|x-)/;

/**
 * Each value of one header as it came. Node's `headersDistinct` would gather those of all the others, too. A request
 * that an adapter made up, as for Lambda, may have no `rawHeaders`.
 */
function headerValues(incoming: IncomingMessage, lowerCaseName: string): string[] {
  const { rawHeaders = [], headers } = incoming as Partial<IncomingMessage>;
  const joined = joinsRepeated.test(lowerCaseName) ? headers?.[lowerCaseName] : undefined;
  if (typeof joined === "string" && !joined.includes(",")) return [joined];
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at], rawHeaders[at + 1]];
    if (name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) values.push(value ?? "");
  }
  return values.length > 0 ? values : [headers?.[lowerCaseName] ?? []].flat();
}

/**
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no request and response of Node's: an adapter of one
 *   framework behind another.
 */
export function checkMessages(adapter: string, request: unknown, response: unknown): void {
  const [{ headers } = {}, { end } = {}] = [request, response] as [{ headers?: unknown }?, { end?: unknown }?];
  if (typeof headers === "object" && typeof end === "function") return;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `${adapter} was called without a request and a response of Node's HTTP. See which adapter your framework takes: ` +
      "docs/guides/frameworks.md.",
  );
}
