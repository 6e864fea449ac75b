import { OnceAgainError } from "../../core/errors.ts";
import { fingerprint, keyTime, parseKey } from "../../key/index.ts";
import type { Engine } from "../engine.ts";
import { type Execution, firstAttempt, NoEffectError, type Work } from "../execution.ts";
import { leasedEngine } from "../leased-engine.ts";
import { checkedEngineOptions } from "../options.ts";
import type { Outcome } from "../outcome.ts";
import { transactionalEngine } from "../transactional-engine.ts";
import { decodeAnswer, type HttpAnswer } from "./answer.ts";
import { type HttpHandler, handlerWork } from "./handler-work.ts";
import { type CheckedHttpRules, checkedHttpRules, type HttpOptions } from "./http-options.ts";
import { isProblemCode, problem, type ProblemCode } from "./problem.ts";

/** A request as the rules see it; each framework makes one of its own. */
export interface HttpRequest<Request> {
  /** The framework's own request, for `scope`. */
  native: Request;
  method: string;
  /** The full path as it was sent, with every mount point, without the query. */
  path: string;
  query: string;
  /** The `Content-Type` header, or an empty string. */
  contentType: string;
  /** Every value of the key's header. */
  keyValues: readonly string[];
  /** Reads the whole body; rejects with `ONCE_BODY_TOO_LARGE` when it is larger than `bytesMax`. */
  body(bytesMax: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** The rules of one route. */
export interface OnceHttp<Request, Transaction> {
  /**
   * What a handler is told of a request that passes through, since its method takes no key: run it as if we were not
   * there, streams and all. `undefined` for every other request.
   */
  passing(method: string): Execution<Transaction> | undefined;
  /** The largest answer that is kept, bytes: a framework need not read on beyond it. */
  readonly resultBytesMax: number;
  /** Answers a request: by running the handler, or by what is known of its key. */
  answer(request: HttpRequest<Request>, handler: HttpHandler<Transaction>): Promise<HttpAnswer>;
  /** Takes no new operations, and resolves when the running ones have ended and are kept. */
  close(): Promise<void>;
}

/**
 * The rules of draft-ietf-httpapi-idempotency-key-header-07, and what the field does where it is silent, on either
 * engine.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function onceHttp<Request, Transaction>(
  options: HttpOptions<Request, Transaction>,
): OnceHttp<Request, Transaction> {
  const rules = checkedHttpRules(options);
  const { clock, retentionMs } = checkedEngineOptions(options);
  const transactional = options.mode === "transactional";
  // A leased route's Transaction is undefined: the frameworks' signatures see to that.
  const engine = (
    transactional ? transactionalEngine(options.store, options) : leasedEngine(options.store, options)
  ) as Engine<Transaction>;
  // Only a leased route lets requests through, and its Transaction is undefined.
  const passing = {
    ...firstAttempt({ scope: "", key: undefined }, undefined as Transaction),
    noEffect: () => undefined,
  };
  const say = (code: ProblemCode, detail: string): HttpAnswer => problem(rules, code, detail);

  const covers = (method: string): boolean => rules.methods.includes(method.toUpperCase());

  const admitted = async (request: HttpRequest<Request>, handler: HttpHandler<Transaction>): Promise<HttpAnswer> => {
    const covered = covers(request.method);
    const parsed = parseKey(covered ? request.keyValues : []);
    if (parsed.kind === "malformed") {
      return say("ONCE_KEY_INVALID", `The Idempotency-Key header can't be read: ${parsed.problem}.`);
    }
    if (parsed.kind === "missing" && covered && rules.keyRequired) {
      return say("ONCE_KEY_INVALID", "This operation needs an Idempotency-Key header: one new key for each operation.");
    }
    const key = parsed.kind === "key" ? parsed.key : undefined;
    const madeAt = key === undefined ? undefined : keyTime(key);
    if (madeAt !== undefined && madeAt + retentionMs < clock.now()) {
      return say("ONCE_KEY_EXPIRED", "This key is older than results are kept. Find out what became of its operation.");
    }
    const scope = await scopeOf(rules, request.native);
    const body = await bodyOf(request, rules.bodyBytesMax);
    let given: HttpAnswer | undefined;
    const work: Work<Transaction> = handlerWork({
      handler,
      body,
      resultBytesMax: rules.resultBytesMax,
      tooLargeEffect: transactional ? "none" : "done",
      problem: say,
      onError: rules.onError,
      onAnswer: (answer) => (given = answer),
    });
    if (key === undefined) {
      const result = await engine.runUnkeyed(scope, work);
      return given ?? decodeAnswer(result);
    }
    const operation = { scope, key, fingerprint: await fingerprint({ ...request, body }) };
    const outcome = await engine.run(operation, work);
    return outcome.kind === "executed" && given !== undefined ? given : answerTo(outcome, say);
  };

  return {
    resultBytesMax: rules.resultBytesMax,
    passing: (method) => (transactional || covers(method) ? undefined : passing),
    async answer(request, handler) {
      try {
        return await admitted(request, handler);
      } catch (error) {
        if (OnceAgainError.isInstance(error) && isProblemCode(error.code)) return say(error.code, error.message);
        rules.onError(error);
        return say("ONCE_HANDLER_FAILED", "The service failed. Ask again, with the same key, what became of it.");
      }
    },
    close: () => engine.close(),
  };
}

async function scopeOf<Request>({ scope, onError }: CheckedHttpRules<Request>, request: Request): Promise<string> {
  try {
    return scope === "public" ? scope : await scope(request);
  } catch (cause) {
    onError(cause);
    throw new NoEffectError("The service could not tell whose request this is. Nothing happened.", { cause });
  }
}

async function bodyOf<Request>(request: HttpRequest<Request>, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await request.body(bytesMax);
  } catch (cause) {
    if (OnceAgainError.isInstance(cause)) throw cause;
    // The caller hung up, or its connection broke.
    throw new NoEffectError("The request did not arrive whole. Nothing happened.", { cause });
  }
}

/** The answer to a request whose work did not run, or whose key went to another meanwhile. */
function answerTo(outcome: Outcome, say: (code: ProblemCode, detail: string) => HttpAnswer): HttpAnswer {
  switch (outcome.kind) {
    case "executed":
      return decodeAnswer(outcome.result);
    case "replayed": {
      const kept = decodeAnswer(outcome.result);
      return { ...kept, headers: [...kept.headers, ["idempotent-replayed", "true"]] };
    }
    case "in-progress":
      return say("ONCE_IN_PROGRESS", "The operation with this key is still running. Ask again with the same key.");
    case "mismatch":
      return say(
        "ONCE_KEY_REUSED",
        "This key was used before with another request. Use a new key for a new operation.",
      );
    case "outcome-unknown":
      return say(
        "ONCE_OUTCOME_UNKNOWN",
        "An earlier attempt at this operation ended without a word, so it may or may not have happened. It is held " +
          "until a person has looked; don't send it under another key.",
      );
  }
}
