import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../core/options.ts";
import { systemRandom } from "../core/random.ts";
import type { Outcome } from "../engine/index.ts";
import { decodeResult } from "../engine/request-end.ts";
import { drawRetryAfterMs, retryAfterRange } from "../engine/retry-after.ts";
import { fingerprintOfCall, keyOfCall } from "../function/call-operation.ts";
import {
  type CallResultRules,
  callResultCodec,
  returnedResult,
  type StoredCallResult,
} from "../function/call-result.ts";
import { resultOf } from "../function/once-function.ts";
import { nameProblem } from "../key/key.ts";
import {
  ObjectKeys,
  type ObjectSql,
  type ObjectStorage,
  type StoreCall,
  type StoreReply,
} from "../stores/durable-object/index.ts";
import type { ClaimAnswer, RecordName } from "../stores/store.ts";

/** One operation of an object: its name, and what it is, so that a key can't be used for another. */
export interface ObjectOperation {
  /** The name of this kind of operation, 1 to 255 characters: two kinds in one scope would return each other's results. */
  readonly scope: string;
  /** The caller's key, the same in every repeat, and another one for every other operation, 1 to 255 characters. */
  readonly key: string;
  /** The request itself, as JSON can hold it: a repeat of the key with another one is refused. */
  readonly request: unknown;
  /** How long the result is stored, milliseconds, at least 1; default 24 hours. */
  readonly retentionMs?: number | undefined;
}

/** The methods that `onceObject` adds to a class of Durable Objects. */
export interface OnceObject {
  /**
   * Runs an effect on the object's own SQLite, unless it ran before under this key: then it returns the first result. Key, effect
   * and result commit in one transaction, so that a crash at any point leaves either all of them or none.
   *
   * The effect is synchronous, as the transaction is: what has to be waited for comes before. Its `sql` is good until it
   * returns, and its result is stored as JSON of up to 1 MiB. What it throws undoes all that it wrote, and its key is free again.
   *
   * @throws what the effect throws, and OnceAgainError:
   *   `ONCE_HANDLER_FAILED` when the effect returns a promise: what it wrote by then is undone.
   *   `ONCE_KEY_REUSED` when the key came with another request before.
   *   `ONCE_IN_PROGRESS`, `ONCE_OUTCOME_UNKNOWN` when a `durableObjectStore` on the same object has the key.
   *   `ONCE_OPTION_INVALID`, `ONCE_KEY_INVALID`, `ONCE_ARGUMENTS_UNFIT`: nothing happened.
   *   `ONCE_RESULT_UNFIT`, `ONCE_RESULT_TOO_LARGE` when its result can't be stored: what it wrote is undone.
   */
  once<Result>(operation: ObjectOperation, effect: (sql: ObjectSql) => Result): Promise<Result>;
  /**
   * Removes expired records of a `durableObjectStore`, which plans it. An object that has only effects needs no alarm: each new
   * result removes some that have expired, so an `alarm` of your class is yours alone.
   */
  alarm(): Promise<void>;
  /** One call of `durableObjectStore`. Not for you. */
  callOnceStore(call: StoreCall): Awaitable<StoreReply>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- TypeScript takes no other rest for the constructor of a mixin.
type AnyArguments = any[];
type ObjectClass = abstract new (...given: AnyArguments) => object;

const resultRules: CallResultRules<unknown> = { codec: undefined, refusals: undefined, resultBytesMax: 1_048_576 };
const retryAfterMs = (): number => drawRetryAfterMs(retryAfterRange(1000), systemRandom);

/**
 * A class of Durable Objects in which a key, its effect and its result commit together, and in which `durableObjectStore` can keep
 * its records. The class has to be one with SQLite: `new_sqlite_classes` in Wrangler's `migrations`.
 *
 * @param base the `DurableObject` of `cloudflare:workers`, or a class that extends it.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no class. An object of a class without SQLite throws when it is made.
 * @example
 * ```ts
 * import { DurableObject } from "cloudflare:workers";
 *
 * export class Account extends onceObject(DurableObject) {
 *   charge(key: string, request: { amount: number }) {
 *     return this.once({ scope: "charge", key, request }, (sql) => {
 *       sql.exec("UPDATE balance SET amount = amount - ?", request.amount);
 *       return { charged: request.amount };
 *     });
 *   }
 * }
 * ```
 */
export function onceObject<Base extends ObjectClass>(
  base: Base,
): Base & (abstract new (...given: AnyArguments) => OnceObject) {
  if (typeof base !== "function") throw invalidOptionError("base", "the DurableObject of cloudflare:workers", base);
  abstract class WithKeys extends base implements OnceObject {
    readonly #keys: ObjectKeys;

    constructor(...given: AnyArguments) {
      super(...given);
      this.#keys = new ObjectKeys((given[0] as { readonly storage: ObjectStorage }).storage);
    }

    once<Result>(operation: ObjectOperation, effect: (sql: ObjectSql) => Result): Promise<Result> {
      return runOperation(this.#keys, operation, effect);
    }

    alarm(): Promise<void> {
      return this.#keys.purge();
    }

    callOnceStore(call: StoreCall): StoreReply {
      return this.#keys.reply(call);
    }
  }
  return WithKeys;
}

function checkOperation(operation: ObjectOperation, effect: unknown): void {
  checkNames("once", operation, {
    scope: true,
    key: true,
    request: true,
    retentionMs: true,
  } satisfies OptionNames<ObjectOperation>);
  if (nameProblem(operation.scope) !== undefined) {
    throw invalidOptionError(
      "scope",
      "the name of this kind of operation, a string that no other has",
      operation.scope,
    );
  }
  if (!("request" in operation))
    throw invalidOptionError("request", "what was asked for, as JSON can hold it", undefined);
  checkNumber("retentionMs", operation.retentionMs ?? 1, { min: 1 });
  if (typeof effect !== "function") throw invalidOptionError("effect", "a function of sql", effect);
}

function outcomeOf<Result>(
  answer: Exclude<ClaimAnswer, { kind: "acquired" }>,
  name: RecordName,
  rules: CallResultRules<Result>,
): Outcome<StoredCallResult<Result>> {
  switch (answer.kind) {
    case "done":
      return { kind: "replayed", result: decodeResult({ ...name, codec: callResultCodec(rules) }, answer.result) };
    case "abandoned":
      return { kind: "outcome-unknown" };
    default:
      return { kind: answer.kind };
  }
}

/** Runs an operation, and gives the result of its effect, or of the first one. */
async function runOperation<Result>(
  keys: ObjectKeys,
  operation: ObjectOperation,
  effect: (sql: ObjectSql) => Result,
): Promise<Result> {
  checkOperation(operation, effect);
  const { scope, request, retentionMs = 86_400_000 } = operation;
  const key = keyOfCall({ scope, key: () => operation.key }, []);
  const fingerprint = await fingerprintOfCall({ scope, fingerprint: "arguments" }, [request]);
  const rules = resultRules as CallResultRules<Result>;
  let result: StoredCallResult<Result> | undefined;
  const answer = keys.runOnce({ scope, key, fingerprint, retentionMs }, (sql) => {
    result = returnedResult(refusePromise(effect(sql), scope), rules);
    return result.bytes;
  });
  const outcome =
    answer === undefined ? ({ kind: "executed", result: result! } as const) : outcomeOf(answer, { scope, key }, rules);
  return resultOf(outcome, key, { scope, retryAfterMs });
}

/** @throws OnceAgainError `ONCE_HANDLER_FAILED` for the promise of an async effect. */
function refusePromise<Result>(value: Result, scope: string): Result {
  if (!isPromise(value as unknown)) return value;
  // It goes on, and its next statement fails. The error below says why.
  (value as Promise<unknown>).then(undefined, () => undefined);
  throw new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    `The effect of "${scope}" returned a promise, and the transaction of a Durable Object does not wait. What it wrote is ` +
      "undone. Make it a plain function, and wait for what has to be waited for before you call once().",
  );
}
