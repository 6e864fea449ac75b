import { OnceAgainError } from "../core/errors.ts";
import {
  type Execution,
  type HttpOptions,
  type IdempotencyPolicy,
  type LeasedHttpOptions,
  onceHttp,
  type TransactionalHttpOptions,
} from "../server/index.ts";
import { bodyTooLarge, readBytes } from "./read-bytes.ts";
import { bodyConsumed, exactBytes } from "./request-bytes.ts";
import { undone } from "./undone.ts";
import { answerOf, httpRequestOf, responseOf } from "./web-messages.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** The operation of a route of `onceHono`. In transactional mode, name it: `Execution<Transaction>`. */
    once: Execution<never>;
  }
}

/** What is used of Hono's context: handlers find their operation by its `get`. */
export interface HonoContext {
  req: {
    raw: Request;
    header: (name: string) => string | undefined;
    /** What Hono itself has read of the body, by how it read it. */
    bodyCache: { arrayBuffer?: unknown; text?: unknown };
  };
  get res(): Response;
  set res(response: Response | undefined);
  error: Error | undefined;
  set: (key: "once", execution: never) => void;
  header: (name: string, value: string) => void;
}

/** Hono middleware that runs each operation of the handlers behind it once. */
export interface OnceHono<Context> {
  (context: Context, next: () => Promise<void>): Promise<Response | undefined>;
  /** What the route says of itself: serve it as JSON where callers may look it up. */
  readonly policy: IdempotencyPolicy;
  /** Takes no new operations, and resolves when the running ones have ended and are kept. */
  close(): Promise<void>;
}

/**
 * Middleware for Hono 4, in front of a route's handler: each operation that carries an `Idempotency-Key` happens once,
 * and every repeat gets the first answer. The handler finds its operation by `c.get("once")`, an `Execution`.
 *
 * The answer is what the handler returns, or what `app.onError` makes of what it throws. Middleware in front (CORS,
 * compression) sees first answers and repeats alike.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function onceHono<Context extends HonoContext>(options: LeasedHttpOptions<Context>): OnceHono<Context>;
export function onceHono<Context extends HonoContext, Transaction>(
  options: TransactionalHttpOptions<Context, Transaction>,
): OnceHono<Context>;
export function onceHono<Context extends HonoContext, Transaction>(
  options: HttpOptions<Context, Transaction>,
): OnceHono<Context> {
  const once = onceHttp(options);

  const middleware = async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const begin = (execution: Execution<Transaction>): void => context.set("once", execution as never);
    const passing = once.passing(context.req.raw.method);
    if (passing !== undefined) {
      begin(passing);
      await next();
      context.header(...once.policyHeader);
      return undefined;
    }
    let ran = false;
    const request = httpRequestOf(context.req.raw, context, (bytesMax) => bytesOf(context, bytesMax));
    const answer = await once.answer(request, async (execution) => {
      if (ran) throw undone();
      begin(execution);
      ran = true;
      await next();
      if (OnceAgainError.isInstance(context.error, "ONCE_NO_EFFECT")) throw context.error;
      return answerOf(context.res, once.resultBytesMax);
    });
    // Hono adds the headers of the response that is there to the one that is set. A handler's answer has them already;
    // to another they are added, and reading `res` makes a response of those that were set before.
    context.res = ran ? undefined : context.res;
    context.res = responseOf(answer);
    return undefined;
  };
  return Object.assign(middleware, { policy: once.policy, close: () => once.close() });
}

/** The body of a request, as the bytes that came; it can be read again by those behind us. */
async function bytesOf({ req }: HonoContext, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const { raw, bodyCache } = req;
  if (raw.body === null) return new Uint8Array();
  if (!raw.bodyUsed) {
    const bytes = await readBytes(raw.body, bytesMax, bodyTooLarge);
    req.raw = new Request(raw, { body: bytes });
    return bytes;
  }
  const read = await (bodyCache.arrayBuffer ?? bodyCache.text);
  const bytes = typeof read === "string" ? exactBytes(read) : read instanceof ArrayBuffer && new Uint8Array(read);
  if (!bytes) throw bodyConsumed();
  if (bytes.length > bytesMax) throw bodyTooLarge(bytesMax);
  return bytes;
}
