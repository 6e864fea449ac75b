/**
 * Middleware for Hono: a handler runs once for each key.
 *
 * @module
 */
import "../core/check-platform.ts";
import { isPromise } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import { type Execution } from "../engine/index.ts";
import { remainingMs } from "../engine/time-left.ts";
import { onceHttp, userExecution } from "../http/index.ts";
import type { HttpOptions } from "../http/http-options.ts";
import type { OnceRoute } from "../http/handle-request.ts";
import { DownstreamResponse, type ResponseContext } from "./hono-response.ts";
import {
  markMount,
  type MountMark,
  copyMountMark,
  clearMountMark,
  incomingOf,
  refuseNested,
  refuseSecondMount,
} from "./double-mount.ts";
import { exactBytes } from "../core/bytes.ts";
import { lightCopy, type SignalSource, unreadCopy } from "./light-messages.ts";
import { WebBody } from "./web-body.ts";
import { closableRoute, httpRequestOf, webResponse } from "./web-messages.ts";
import {
  bodyConsumedError,
  bodyTooLargeError,
  conflictError,
  refuseCall,
  refuseHandler,
  wrongPlaceError,
} from "./errors.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** The operation of a route of `onceHono`. In transactional mode, name it: `Execution<Transaction>`. */
    once: Execution<never>;
  }
}

/**
 * The part of Hono's context that we use: handlers find their operation by its `get`. Where `scope` uses more, or its variables
 * shall have their types, name them: `scope: (c: Context<Env>) => c.get("user")`.
 */
export interface HonoContext extends ResponseContext {
  req: {
    raw: Request;
    header: (name: string) => string | undefined;
    /** The body as Hono itself has read it, by the method that read it. */
    bodyCache: { arrayBuffer?: unknown; text?: unknown };
  };
  error: Error | undefined;
  /** The values that the platform passes beside the request. */
  env?: unknown;
  // oxlint-disable-next-line typescript/no-explicit-any -- As Hono has it where it does not know the variables.
  get(key: string): any;
  set: (key: "once", execution: never) => void;
  header: (name: string, value: string) => void;
}

/** Hono middleware that runs each operation of the handlers behind it once. */
export interface OnceHono<Context> extends OnceRoute {
  (context: Context, next: () => Promise<void>): Promise<Response | undefined>;
}

/**
 * Middleware for Hono 4, in front of a route's handler: each operation that carries an `Idempotency-Key` happens once,
 * and every repeat gets the first answer. The handler finds its operation by `c.get("once")`, an `Execution`.
 *
 * The answer is what the handler returns, or what `app.onError` makes of what it throws. Middleware in front (CORS,
 * compression) sees first answers and repeats alike.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * app.post("/orders", onceHono({ store, scope: (c: Context<Env>) => c.get("user").id }), async (c) => {
 *   return c.json(await createOrder(await c.req.json(), c.get("once").key), 201);
 * });
 * ```
 */
export function onceHono<Context extends HonoContext, Transaction = undefined>(
  options: HttpOptions<Context, Transaction>,
  ...others: unknown[]
): OnceHono<Context> {
  refuseHandler("onceHono", others, "app.post(path, onceHono(options), handler)");
  const once = onceHttp(options);
  const { close, finish } = closableRoute(once);

  const middleware = async (...args: [context: Context, next: () => Promise<void>]): Promise<Response | undefined> => {
    if (isRefused(args, once.onError)) return undefined;
    const [context, next] = args;
    const begin = (execution: Execution<Transaction>): void => context.set("once", userExecution(execution) as never);
    const { raw } = context.req;
    const passing = once.passing(raw.method, context);
    if (passing !== undefined) {
      begin(passing);
      await next();
      if (!once.takesKey(raw.method)) context.header(...once.policyHeader);
      return undefined;
    }
    const forms = [context, raw, ...incomingOf(context.env, raw, once.policy.header)];
    const mark = markMount(...forms);
    const wasAnswered = context.finalized;
    let behind: DownstreamResponse | undefined;
    let light: Request | undefined;
    const shown = new ShownSignal(raw);
    const readBytes = async (bytesMax: number): Promise<Uint8Array<ArrayBuffer>> => {
      const body = new WebBody(raw);
      const bytes = await bytesOf(context, body, bytesMax);
      light = lightCopy(raw, bytes, shown);
      if (light !== undefined) context.req.raw = light;
      else {
        showCopy(context.req, {
          ...{ original: raw, bytes, copy: undefined, isAside: false },
          makeCopy() {
            const copy = body.readable(bytes, shown);
            if (mark !== undefined && behind !== undefined) copyMountMark(copy, mark);
            return copy;
          },
        });
      }
      return bytes;
    };
    const body = mark === undefined ? refuseSecondMount : readBytes;
    const request = httpRequestOf(raw, context, body, timeLeftMs(context));
    const answer = await once.answer(request, async (execution) => {
      if (behind !== undefined) throw conflictError();
      begin(execution);
      shown.source = execution;
      // A rule of the route may have read it.
      if (light !== undefined && context.req.raw === light) context.req.raw = unreadCopy(light);
      behind = new DownstreamResponse(context);
      // A rule of the route may have read the copy before: then it has no mark yet.
      if (mark !== undefined) markCopied(context.req, mark);
      try {
        await behind.run(next);
        if (OnceAgainError.isInstance(context.error, "ONCE_NO_EFFECT")) throw context.error;
        const reading = behind.read(once.resultBytesMax);
        return isPromise(reading) ? await reading : reading;
      } finally {
        refuseNested(mark);
      }
    });
    if (mark !== undefined) clearMountMark(...forms);
    // A time-out in front has answered this caller; the next one gets what became of it.
    const isOvertaken = behind?.isOvertaken ?? (context.finalized && !wasAnswered);
    behind?.end();
    if (isOvertaken) return undefined;
    // Hono adds the headers of the response that is there to the one that is set, and copies it for that. A handler's response
    // has them already; to another they are added, where middleware in front has set any.
    if (behind !== undefined || isEmpty(context.res.headers)) context.res = undefined;
    context.res = webResponse(raw.method, finish(answer), behind?.handlerResponse, once.onError);
    return undefined;
  };
  return Object.assign(middleware, { policy: once.policy, close });
}

/** The time that is left on AWS Lambda: Hono's adapter passes the invocation's context beside the request. */
function timeLeftMs({ env }: HonoContext): number | undefined {
  return remainingMs((env as { readonly lambdaContext?: unknown } | undefined)?.lambdaContext);
}

/** Refuses a call by what is not Hono. @returns whether it was. */
function isRefused(args: readonly unknown[], onError: (error: unknown) => void): boolean {
  const [context, next] = args as [Partial<HonoContext>?, unknown?];
  if (typeof context?.req?.raw?.headers?.get === "function" && typeof next === "function") return false;
  refuseCall(wrongPlaceError("onceHono", "a context and a `next` of Hono's"), args, onError);
  return true;
}

/** The signal of a handler's request: that of the connection until the operation runs. To make one takes as long as a claim. */
class ShownSignal implements SignalSource {
  source: SignalSource;

  constructor(source: SignalSource) {
    this.source = source;
  }

  get signal(): AbortSignal {
    return this.source.signal;
  }
}

const isEmpty = (headers: Headers): boolean => headers.keys().next().done === true;

/** The request that came, and the copy of it that handlers may read again. */
interface ReadRequest {
  readonly original: Request;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Is called when the copy is first read. */
  makeCopy(): Request;
  copy: Request | undefined;
  /** Whether Hono reads what needs no copy. */
  isAside: boolean;
}

/** Under it, a request of Hono has the request that was read. */
const read = Symbol("read request");

type HonoRequest = HonoContext["req"] & { [read]: ReadRequest };

/**
 * Has a request of Hono show a copy of the one that came, which can be read again. A copy takes a third of what a first request
 * costs here, and more than the rest of a repeat, so it is made when it is first read: by what asks for `raw`. The text, the
 * JSON and the headers are had without it.
 */
function showCopy(req: HonoContext["req"], request: ReadRequest): void {
  (req as HonoRequest)[read] = request;
  for (const [name, shortcut] of Object.entries({ json, text, header })) {
    // Middleware in front may have put its method there.
    if (!Object.hasOwn(req, name)) Reflect.set(req, name, shortcut);
  }
  Object.defineProperty(req, "raw", rawProperty);
}

function markCopied(req: HonoContext["req"], mark: MountMark): void {
  const shown = (req as Partial<Pick<HonoRequest, typeof read>>)[read];
  const copy = shown === undefined ? req.raw : shown.copy;
  if (copy !== undefined) copyMountMark(copy, mark);
}

/** One for all requests, as the functions below are, so that requests have one shape. */
const rawProperty: PropertyDescriptor & ThisType<HonoRequest> = {
  configurable: true,
  enumerable: true,
  get() {
    const request = this[read];
    return request.isAside ? request.original : (request.copy ??= request.makeCopy());
  },
  set(request: Request) {
    this[read].copy = request;
  },
};

function json(this: HonoRequest): unknown {
  shareText(this);
  return aside(this, "json");
}

function text(this: HonoRequest): unknown {
  shareText(this);
  return aside(this, "text");
}

function header(this: HonoRequest, name?: string): unknown {
  return aside(this, "header", name);
}

/** Gives Hono the text of the body, as if it had read it. */
function shareText({ [read]: { copy, bytes }, bodyCache }: HonoRequest): void {
  if (copy === undefined && Object.keys(bodyCache).length === 0)
    bodyCache.text = Promise.resolve(decoder.decode(bytes));
}

const decoder = new TextDecoder();

/** Calls a method as Hono has it, on the request that came as long as there is no copy. */
function aside(req: HonoRequest, method: string, name?: string): unknown {
  const call = Reflect.get(Object.getPrototypeOf(req) as object, method) as (name?: string) => unknown;
  const request = req[read];
  request.isAside = request.copy === undefined;
  try {
    return call.call(req, name);
  } finally {
    request.isAside = false;
  }
}

/** The body of a request, as the bytes that came: those that Hono has read for middleware in front, or from the request. */
function bytesOf(
  { req: { raw, bodyCache } }: HonoContext,
  body: WebBody<Request>,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const caching: unknown = raw.bodyUsed ? (bodyCache.arrayBuffer ?? bodyCache.text) : undefined;
  return caching === undefined ? body.read(bytesMax) : cachedBytes(caching, bytesMax);
}

async function cachedBytes(caching: unknown, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const cachedBody = await caching;
  const bytes =
    typeof cachedBody === "string"
      ? exactBytes(cachedBody)
      : cachedBody instanceof ArrayBuffer && new Uint8Array(cachedBody);
  if (!bytes) throw bodyConsumedError();
  if (bytes.length > bytesMax) throw bodyTooLargeError(bytesMax);
  return bytes;
}
