import type { AsyncLocalStorage } from "node:async_hooks";
import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { builtinModule } from "../core/builtin-module.ts";
import type { HttpResponse } from "../http/index.ts";
import { type ReadResponse, readResponse } from "./web-messages.ts";

/** The part of Hono's context that holds a response. */
export interface ResponseContext {
  get res(): Response;
  set res(response: Response | undefined);
  /** Whether there is an answer. */
  finalized: boolean;
}

/** Separates handlers behind us from middleware in front. Node, Bun and Deno have it; a Worker needs the flag `nodejs_compat`. */
const sides = asyncLocalStorage();

function asyncLocalStorage(): AsyncLocalStorage<DownstreamResponse> | undefined {
  const hooks = builtinModule("node:async_hooks");
  return hooks && new hooks.AsyncLocalStorage<DownstreamResponse>();
}

/** Under it, a context has the answer of the operation that it is about. */
const behind = Symbol("once-again");

type Watched = ResponseContext & { [behind]: DownstreamResponse };

/**
 * The response of the handlers behind us. Middleware in front, such as a time-out, may respond before it is stored, and Hono
 * would send one of the two and drop the other. So until the response is stored, `context.res` has two sides: middleware in
 * front sees only the response that it set itself, and that one is not the operation's.
 */
export class DownstreamResponse {
  readonly #context: ResponseContext;
  /** Whether Hono's own `res` is an answer: of those behind, until it is one of those in front. */
  #isFinalized: boolean;
  #hasEnded = false;
  /** Whether those behind us are at work. */
  #isRunning = false;
  /** The response of those behind us, once it was read. */
  handlerResponse: ReadResponse | undefined;
  /** The headers of the answer in front, if there is one. */
  #inFront: Headers | undefined;
  /** The response of the handlers behind us, where middleware in front has responded too. */
  #own: Response | undefined;

  constructor(context: ResponseContext) {
    this.#context = context;
    this.#isFinalized = context.finalized;
  }

  /** Whether middleware in front has responded before the operation ended. */
  get isOvertaken(): boolean {
    return this.#inFront !== undefined;
  }

  /** Runs those behind us to their end. */
  async run(next: () => Promise<void>): Promise<void> {
    this.#isRunning = true;
    try {
      if (sides === undefined) return await next();
      if (this.#isFinalized) this.#inFront = new Headers(this.#context.res.headers);
      (this.#context as Watched)[behind] = this;
      Object.defineProperties(this.#context, watchedProperties);
      await sides.run(this, next);
    } finally {
      this.#isRunning = false;
    }
  }

  /** @throws what `readResponse` throws, at once, or rejects with that. */
  read(bytesMax: number): Awaitable<HttpResponse> {
    // Hono makes a response for all that ask, also where no handler has given one.
    const isGiven = sides === undefined ? this.#context.finalized : this.#isFinalized;
    const response = this.isOvertaken ? this.#own : isGiven ? resOf(this.#context) : undefined;
    const inFront = this.#inFront;
    const reading = readResponse(response, bytesMax);
    return isPromise(reading)
      ? reading.then((given) => this.#answerOf(given, inFront))
      : this.#answerOf(reading, inFront);
  }

  #answerOf(given: ReadResponse, inFront: Headers | undefined): HttpResponse {
    this.handlerResponse = given;
    const { answer } = given;
    if (inFront === undefined) return answer;
    // Hono gave it the headers of the answer in front, too. On a repeat, those in front set theirs anew.
    const isOwn = ([name, value]: readonly [string, string]): boolean =>
      name === "content-type" || inFront.get(name) !== value;
    return { ...answer, headers: answer.headers.filter(isOwn) };
  }

  /**
   * A response goes out. It is that of the operation, and the context has one side again; or it is ours in place of that of a
   * handler that is still at work, and stands in front of it.
   */
  end(): void {
    if (!this.#isRunning) this.#hasEnded = true;
    else if (!this.isOvertaken) {
      this.#keepOwn();
      this.#inFront = new Headers();
    }
  }

  /** Another response is about to take the place of the one that those behind us may have given already. */
  #keepOwn(): void {
    if (!this.isOvertaken && this.#isFinalized) this.#own = resOf(this.#context);
  }

  get res(): Response {
    return this.#isAskedBehind && this.#own !== undefined ? this.#own : resOf(this.#context);
  }

  set res(response: Response | undefined) {
    if (this.#hasEnded || (this.#isAskedBehind && !this.isOvertaken)) setRes(this.#context, response);
    else if (this.#isAskedBehind) this.#own = response;
    else {
      this.#keepOwn();
      setRes(this.#context, response);
      this.#inFront = new Headers(response?.headers);
    }
  }

  get finalized(): boolean {
    if (this.#hasEnded) return this.#isFinalized;
    if (!this.#isAskedBehind) return this.isOvertaken;
    return this.isOvertaken ? this.#own !== undefined : this.#isFinalized;
  }

  set finalized(isFinalized: boolean) {
    this.#isFinalized = isFinalized;
  }

  /** Whether a handler behind us asks. */
  get #isAskedBehind(): boolean {
    return sides?.getStore() === this;
  }
}

/** One for all contexts, so that they have one shape. */
const watchedProperties: PropertyDescriptorMap & ThisType<Watched> = {
  res: {
    configurable: true,
    get() {
      return this[behind].res;
    },
    set(response: Response | undefined) {
      this[behind].res = response;
    },
  },
  finalized: {
    configurable: true,
    get() {
      return this[behind].finalized;
    },
    set(isFinalized: boolean) {
      this[behind].finalized = isFinalized;
    },
  },
};

/** `res` as Hono has it. */
function resOf(context: ResponseContext): Response {
  return Reflect.get(Object.getPrototypeOf(context) as object, "res", context) as Response;
}

function setRes(context: ResponseContext, response: Response | undefined): void {
  Reflect.set(Object.getPrototypeOf(context) as object, "res", response, context);
}
