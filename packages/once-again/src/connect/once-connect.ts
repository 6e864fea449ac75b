import { create, type Message } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/listener.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkChoice, invalidOptionError } from "../core/options.ts";
import { untilAborted } from "../core/until-aborted.ts";
import type { Engine, Execution, Reconciled, Work } from "../engine/engine.ts";
import { openEngine } from "../engine/open-engine.ts";
import type { LeasedMode, Mode } from "../engine/options.ts";
import { callResultCodec, type StoredCallResult } from "../function/call-result.ts";
import { callRuleNames, type CallRules, checkCallRules, type FunctionExecution } from "../function/function-options.ts";
import { runFunction } from "../function/run-function.ts";
import { scopeOf } from "../http/request-identity.ts";
import { keyHeaderName, parseKey } from "../key/index.ts";
import { callError, refusal, replayedMetadata, type RefusalRules } from "./connect-refusal.ts";
import {
  type CallResponse,
  fingerprintOfMessage,
  responseCodec,
  storedRefusals,
  storedResponse,
} from "./stored-call.ts";

/**
 * Finds out whether a call happened, before it runs again after an attempt that ended without a result. It must have no
 * effect itself, and an error that it throws leaves the outcome unknown.
 */
type ReconcileConnectCall = (execution: FunctionExecution, request: UnaryRequest) => Promise<Reconciled<Message>>;

/** How the methods of a server keep their promise. */
interface ConnectRules extends CallRules {
  /**
   * The owner of the keys, so that no caller gets another's results: a function of the request that returns the id of the account
   * that was authenticated, such as a value that an interceptor in front has put into `contextValues`. A `ConnectError` that it throws is the
   * caller's answer. `"public"`: all callers share their keys.
   */
  readonly scope: "public" | ((request: UnaryRequest) => string | Promise<string>);
  /**
   * Whether a call without a key is refused where the method says nothing of its idempotency; default true. Otherwise it runs
   * as often as it is made. Methods with `idempotency_level = IDEMPOTENT` may always come without a key.
   */
  readonly keyRequired?: boolean | undefined;
  /** The metadata that has the key; default `Idempotency-Key`. */
  readonly keyHeader?: string | undefined;
  /**
   * Streaming methods, which have no single result to store: `"refuse"` (default) answers `Unimplemented`, `"pass"` runs
   * them as often as they are called. Those with `idempotency_level = NO_SIDE_EFFECTS` always pass.
   */
  readonly streams?: "refuse" | "pass" | undefined;
  /**
   * Treatment of a call with an unknown outcome (its handler threw, its process crashed or lost its lease):
   *
   * - `"hold"` (default): never run it again. Every repeat gets `FailedPrecondition` until a person settles it.
   * - `"rerun"`: run it again. At least once, so only for effects that are idempotent, or keyed further down.
   * - a function that looks the effect up: it returns `{ found: message }`, `{ absent: … }` or `"unknown"`.
   *
   * In transactional mode this never arises: a rollback proves that nothing happened.
   */
  readonly onUnknown?: "hold" | "rerun" | ReconcileConnectCall | undefined;
}

/** A server interceptor that gives each key one effect. */
export interface OnceConnect extends Interceptor, AsyncDisposable {
  /** Takes no new calls, and resolves when the running ones have ended and are stored. The store stays open. */
  close(): Promise<void>;
}

const names: OptionNames<ConnectRules & LeasedMode> = {
  ...callRuleNames,
  keyRequired: "boolean",
  keyHeader: true,
  streams: true,
};

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
function checkConnectRules<Transaction>(options: ConnectRules & Mode<Transaction>) {
  if (hasMethod(options, "claim")) throw wrongClientError("options", "an object such as { store, scope }", options);
  checkNames("onceConnect", options, names);
  const { scope, keyHeader = keyHeaderName, keyRequired = true, streams = "refuse" } = options;
  if (scope !== "public" && typeof scope !== "function") {
    throw invalidOptionError("scope", 'a function that returns the id of the caller\'s account, or "public"', scope);
  }
  if (typeof keyHeader !== "string" || !/^[!#$%&'*+.^`|~\w-]+$/.test(keyHeader)) {
    throw invalidOptionError("keyHeader", "the name of a metadata field", keyHeader);
  }
  checkChoice("streams", streams, ["refuse", "pass"]);
  return { scope, keyHeader, keyRequired, streams, ...checkCallRules<ReconcileConnectCall>(options) };
}

/** The engine and the rules of all calls. */
interface ConnectParts<Transaction> extends RefusalRules {
  readonly rules: ReturnType<typeof checkConnectRules<Transaction>>;
  readonly engine: Engine<Transaction>;
}

type Next = (request: UnaryRequest) => Promise<UnaryResponse>;

/**
 * A server interceptor for Connect, gRPC and gRPC-Web: each call of a unary method with side effects is executed once for its key, and
 * every repeat gets the first response. The key is in the metadata `idempotency-key`; the method's `idempotency_level` says
 * whether it needs one. A repeat has `idempotent-replayed: true` in its header.
 *
 * Put it last in the list of interceptors, next to the handler, behind those that authenticate. A caller that cancels, or that is gone, ends its own
 * waiting alone: `context.signal` of the handler is the operation's. What a handler throws is the first caller's error. `InvalidArgument`,
 * `NotFound`, `AlreadyExists`, `PermissionDenied`, `FailedPrecondition`, `OutOfRange` and `Unauthenticated` are results, which repeats get, too; after
 * any other error the outcome is unknown (see `onUnknown`), unless it is a `NoEffectError`.
 *
 * Refusals are `ConnectError`s with the code of docs/errors in the metadata `once-again-error`: `InvalidArgument` for a key that is missing,
 * malformed, or was used with another request; `Aborted` while the call is running, `Unavailable` where nothing happened, both with
 * `grpc-retry-pushback-ms`; `FailedPrecondition` where the outcome is unknown.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * const once = onceConnect({ store, scope: ({ header }) => accountOf(header.get("authorization") ?? undefined) });
 * const handler = connectNodeAdapter({ routes, interceptors: [once] });
 * ```
 */
export function onceConnect<Transaction = undefined>(options: ConnectRules & Mode<Transaction>): OnceConnect {
  const rules = checkConnectRules(options);
  const { engine, options: engineOptions, retryAfterMs } = openEngine<Transaction>(options);
  const { onError } = engineOptions;
  const parts: ConnectParts<Transaction> = {
    rules,
    engine,
    onError,
    retryAfterMs: (leastMs = rules.retryAfterMs) => retryAfterMs(leastMs),
  };
  const interceptor: Interceptor = (next) => async (request) => {
    if (request.method.idempotency === IdempotencyLevel.NO_SIDE_EFFECTS) return next(request);
    if (request.stream) {
      if (rules.streams === "pass") return next(request);
      throw new ConnectError(streamRefusal, Code.Unimplemented);
    }
    const answer = answerCall(parts, request, next as unknown as Next);
    return untilAborted(answer, request.signal, (error) => notify(onError, error, subjectOf(request)));
  };
  const close = (): Promise<void> => engine.close();
  return Object.assign(interceptor, { close, [Symbol.asyncDispose]: close });
}

const streamRefusal =
  "A streaming method with side effects can't be repeated safely, so this server refuses it. Make it unary, declare " +
  'idempotency_level = NO_SIDE_EFFECTS if it has none, or set streams: "pass" to run it as often as it is called.';

const subjectOf = ({ service, method }: UnaryRequest) => ({
  room: "connect",
  method: `${service.typeName}/${method.name}`,
});

/** Executes one call, unless it was executed before. @throws ConnectError where it has no response. */
async function answerCall<Transaction>(
  parts: ConnectParts<Transaction>,
  request: UnaryRequest,
  next: Next,
): Promise<UnaryResponse> {
  const { rules, engine, onError } = parts;
  const value = request.header.get(rules.keyHeader);
  const read = parseKey(value === null ? [] : [value]);
  const about = { ...subjectOf(request), key: read.kind === "key" ? read.key : undefined };
  if (read.kind === "malformed")
    return refuse(parts, "ONCE_KEY_INVALID", `The metadata ${rules.keyHeader} can't be read: ${read.problem}.`);
  const isRequired = rules.keyRequired && request.method.idempotency !== IdempotencyLevel.IDEMPOTENT;
  if (read.kind === "missing" && isRequired)
    return refuse(
      parts,
      "ONCE_KEY_INVALID",
      `This method needs the metadata ${rules.keyHeader}: one new key for each operation, the same for each repeat of it.`,
    );
  const reporting = { ...parts, onError: (error: unknown) => onError(error, about) };
  try {
    if (request.contextValues.get(executionKey) !== undefined) throw mountedTwiceError();
    const call = describeCall(parts, request, next);
    const scope = await scopeOf({ scope: rules.scope, onError: (error) => reportScope(error, reporting) }, request);
    if (read.kind === "missing") return call.answer(await engine.runUnkeyed(scope, call.work), false);
    const operation = { scope, key: read.key, fingerprint: await fingerprintOfMessage(request), codec: call.codec };
    const outcome = await engine.run(operation, call.work);
    switch (outcome.kind) {
      case "executed":
        return call.answer(outcome.result, false);
      case "replayed":
        return call.answer(outcome.result, true);
      case "in-progress":
        return refuse(
          parts,
          "ONCE_IN_PROGRESS",
          "The call with this key is still running. Make it again, with the same key.",
        );
      case "mismatch":
        return refuse(
          parts,
          "ONCE_KEY_REUSED",
          "This key was used before, with another method or another message. Another operation needs another key.",
        );
      case "outcome-unknown":
        return refuse(
          parts,
          "ONCE_OUTCOME_UNKNOWN",
          "An earlier attempt at this call ended without a word, so it may or may not have happened. It is held until a " +
            "person has looked; don't make it under another key.",
        );
    }
  } catch (error) {
    throw callError(error, parts, about);
  }
}

/** A caller that the application refuses is no news for its operator. */
function reportScope(error: unknown, { onError }: Pick<RefusalRules, "onError">): void {
  if (!(error instanceof ConnectError)) onError(error);
}

function refuse(parts: RefusalRules, ...[code, message]: readonly [Parameters<typeof refusal>[0], string]): never {
  throw refusal(code, message, parts);
}

/** One call: its work, and its answer by the work's result. */
interface DescribedCall<Transaction> {
  readonly codec: ReturnType<typeof callResultCodec<CallResponse>>;
  readonly work: Work<Transaction, StoredCallResult<CallResponse>>;
  /** @throws the error that is the call's result. */
  answer(result: StoredCallResult<CallResponse>, isReplay: boolean): UnaryResponse;
}

function describeCall<Transaction>(
  { rules, onError }: ConnectParts<Transaction>,
  request: UnaryRequest,
  next: Next,
): DescribedCall<Transaction> {
  const { output } = request.method;
  const { reconcile, quiesceMs, transactional, hadNoEffect, resultBytesMax } = rules;
  const codec = responseCodec(output);
  const callRules = { codec, refusals: storedRefusals, resultBytesMax, transactional, hadNoEffect, onError };
  /** The handler's own response: Connect's server has begun its metadata. */
  let live: UnaryResponse | undefined;
  const call = {
    run: async (execution: FunctionExecution<Transaction>): Promise<CallResponse> => {
      request.contextValues.set(executionKey, execution);
      live = await next({ ...request, signal: execution.signal });
      return live;
    },
    reconcile:
      reconcile &&
      (async (execution: FunctionExecution): Promise<Reconciled<CallResponse>> => {
        const reconciled: unknown = await reconcile(execution, request);
        if (typeof reconciled !== "object" || reconciled === null || !("found" in reconciled))
          return reconciled as Reconciled<CallResponse>;
        const message = create(output, reconciled.found as Message);
        return { found: { message, header: new Headers(), trailer: new Headers() } };
      }),
    quiesceMs,
  };
  return {
    codec: callResultCodec(callRules),
    work: (execution) => runFunction(callRules, call, execution),
    answer({ callResult }, isReplay) {
      if (callResult.kind === "returned") {
        return live === undefined || isReplay ? storedResponse(request, callResult.value, isReplay) : live;
      }
      const { error } = callResult;
      if (isReplay && error instanceof ConnectError) error.metadata.set(replayedMetadata, "true");
      throw error;
    },
  };
}

const executionKey = createContextKey<Execution<unknown> | undefined>(undefined, {
  description: "the operation of once-again",
});

function mountedTwiceError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_MOUNTED_TWICE",
    "This call passes onceConnect twice. List the interceptor once, for the router or for the adapter. Nothing happened.",
  );
}

/**
 * The operation that a handler executes. In transactional mode, name the type of the transaction.
 *
 * @param context the second argument of the handler.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` where the call did not pass `onceConnect`, or its method has no side effects.
 * @example
 * ```ts
 * const { transaction } = executionOf<PoolClient>(context);
 * ```
 */
export function executionOf<Transaction = undefined>(context: Pick<HandlerContext, "values">): Execution<Transaction> {
  const execution = context.values.get(executionKey);
  if (execution !== undefined) return execution as Execution<Transaction>;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    "This call has no operation: its method has no side effects or is a stream, or its server lacks the interceptor onceConnect.",
    { details: { option: "context" } },
  );
}
