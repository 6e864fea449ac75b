import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor, type UnaryRequest, type UnaryResponse } from "@connectrpc/connect";
import { budgetRule } from "../client/fetch-options.ts";
import type { Clock } from "../core/clock.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { Listener } from "../core/listener.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkChoice, fromOne, wholeFromOne } from "../core/options.ts";
import type { Random } from "../core/random.ts";
import { errorVerdict, waitHint } from "../delivery/index.ts";
import { formatKey, keyHeaderName, makeKey } from "../key/index.ts";
import { type KeyFormat, readCallerKey } from "../key/key.ts";
import type { Attempt } from "../retry/attempt.ts";
import type { Backoff, Decision, RetryBudget, RetryEvent } from "../retry/index.ts";
import { decideByDefault } from "../retry/index.ts";
import { type RetryPolicy, retryPolicy } from "../retry/retry-options.ts";
import { runRetry } from "../retry/retry.ts";
import { errorMetadata, pushbackMetadata } from "./connect-refusal.ts";

/** How a client tries its calls again. Options that `retry` has too mean the same there. */
interface RetryingConnectOptions {
  /**
   * Whether the server honours keys, as one with `onceConnect` does. A call of a method that says nothing of its idempotency gets a
   * key, whatever the server. After an attempt that may have arrived, it is made again only with `true`. Default `false`.
   * `"off"`: no key is made.
   */
  readonly keys?: boolean | "off" | undefined;
  /** The metadata that carries the key; default `Idempotency-Key`. */
  readonly keyHeader?: string | undefined;
  /** How a key is written: `"bare"` (default), or `"structured"`, in quotes as the IETF draft has it. */
  readonly keyFormat?: KeyFormat | undefined;
  /** How long the server remembers a key, in milliseconds: at least 1, default unknown. A call with a key has no longer than this. */
  readonly keyRetentionMs?: number | undefined;
  /** The most attempts of one call, the first one included: a whole number of at least 1, default 5. */
  readonly attemptsMax?: number | undefined;
  /** How long to wait before each retry; default exponential: up to 1, 2, 4, 8 s, at least half of it. */
  readonly backoff?: Backoff | undefined;
  /**
   * How long a call may take, in milliseconds, waits included: at least 1, default 300,000. The call's own `timeoutMs` bounds it, too:
   * all attempts and waits are within it.
   */
  readonly timeoutMs?: number | undefined;
  /** How long one attempt may take, in milliseconds: at least 1, default 30,000. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Pays for retries: `"per-origin"` (default) is a `successBudget` for each origin; `"off"` makes them free. */
  readonly budget?: RetryBudget | "per-origin" | "off" | undefined;
  /** Called with each event of a call. What it throws is dropped. */
  readonly onEvent?: Listener<RetryEvent> | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from; default the machine's. */
  readonly random?: Random | undefined;
}

const names: OptionNames<RetryingConnectOptions> = {
  keys: true,
  keyHeader: true,
  keyFormat: true,
  keyRetentionMs: fromOne,
  attemptsMax: wholeFromOne,
  backoff: "function",
  timeoutMs: fromOne,
  attemptTimeoutMs: fromOne,
  budget: true,
  onEvent: "function",
  clock: true,
  random: "function",
};

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
function connectSettings(options: RetryingConnectOptions) {
  checkNames("retryingConnect", options, names);
  const { keys = false, keyHeader = keyHeaderName, keyFormat = "bare", keyRetentionMs = Infinity } = options;
  const { attemptsMax, backoff, clock, random, onEvent, timeoutMs = 300_000, attemptTimeoutMs = 30_000 } = options;
  return {
    keys: checkChoice("keys", keys, [true, false, "off"]),
    keyHeader,
    keyFormat: checkChoice("keyFormat", keyFormat, ["bare", "structured"]),
    keyRetentionMs,
    budgetOf: budgetRule(options.budget ?? "per-origin"),
    policy: retryPolicy<UnaryResponse>({
      attemptsMax,
      backoff,
      clock,
      random,
      onEvent,
      timeoutMs,
      attemptTimeoutMs,
    }),
  };
}

type ConnectSettings = ReturnType<typeof connectSettings>;

type Next = (request: UnaryRequest) => Promise<UnaryResponse>;

/**
 * A client interceptor for Connect, gRPC and gRPC-Web: each unary call is one operation, tried again with one key, exponential backoff and jitter,
 * within a budget and a deadline.
 *
 * It is tried again where that is safe: the method's `idempotency_level` is `NO_SIDE_EFFECTS` or `IDEMPOTENT`, or the call has a key that the server
 * honours (`keys`), or nothing has happened: the connection was refused, or `onceConnect` says so. The caller's own key, in the metadata
 * of the call, wins. A server's `grpc-retry-pushback-ms` is the least wait before the next attempt; a negative or malformed one ends the
 * call (gRFC A6). Streams pass through untouched.
 *
 * Compose it last in the list of interceptors, next to the network, where one that authenticates has done its work once. A call that is given up fails
 * with a `ConnectError`: `DeadlineExceeded` where time was short, else with the last attempt's code. Its `cause` is the OnceAgainError,
 * `ONCE_ATTEMPTS_EXHAUSTED`, `ONCE_DEADLINE_EXCEEDED` or `ONCE_BUDGET_EXHAUSTED`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 * @example
 * ```ts
 * const transport = createConnectTransport({
 *   baseUrl: "https://shop.example",
 *   httpVersion: "2",
 *   interceptors: [retryingConnect({ keys: true, timeoutMs: 20_000 })],
 * });
 * ```
 */
export function retryingConnect(options: RetryingConnectOptions = {}): Interceptor {
  const settings = connectSettings(options);
  return (next) => async (request) =>
    request.stream ? next(request) : callWithRetries(settings, request, next as unknown as Next);
}

async function callWithRetries(settings: ConnectSettings, request: UnaryRequest, next: Next): Promise<UnaryResponse> {
  const { policy, keyHeader, keyRetentionMs, budgetOf } = settings;
  const key = ensureKey(request, settings);
  const { timeoutMs = Infinity } = policy;
  const callPolicy: RetryPolicy<UnaryResponse> = {
    ...policy,
    timeoutMs: key === undefined ? timeoutMs : Math.min(timeoutMs, keyRetentionMs),
    signal: request.signal,
    budget: budgetOf(URL.parse(request.url)?.origin ?? ""),
    decide: decideOn(request, settings, key),
    takesAnyValue: false,
  };
  const startedAt = policy.clock.monotonic();
  const send = ({ number, signal }: Attempt): Promise<UnaryResponse> => {
    // The transport changes the header that it is given.
    const header = new Headers(request.header);
    if (key !== undefined) header.set(keyHeader, key);
    if (number > 1) {
      header.set("grpc-previous-rpc-attempts", String(number - 1));
      shortenTimeout(header, policy.clock.monotonic() - startedAt);
    }
    return next({ ...request, header, signal });
  };
  try {
    return await runRetry(send, callPolicy);
  } catch (error) {
    throw asConnectError(error);
  }
}

/**
 * The metadata that names the operation: as the caller wrote it, or a new key where the method says nothing of its idempotency.
 *
 * @throws ConnectError `InvalidArgument` for a key of the caller that would protect nothing.
 */
function ensureKey(
  { header, method }: UnaryRequest,
  { keys, keyHeader, keyFormat, policy }: ConnectSettings,
): string | undefined {
  const given = header.get(keyHeader);
  if (given !== null) {
    const read = readCallerKey(given);
    if (read.kind === "key") return given;
    const message =
      `The ${keyHeader} of this call can't be used: ${read.problem}. Nothing was sent. ` +
      "Leave the metadata out, or send one key, such as makeKey() makes.";
    throw asConnectError(new OnceAgainError("ONCE_KEY_INVALID", message));
  }
  if (keys === "off" || method.idempotency !== IdempotencyLevel.IDEMPOTENCY_UNKNOWN) return undefined;
  return formatKey(makeKey({ clock: policy.clock, random: policy.random }), keyFormat);
}

/** Codes after which another attempt may succeed. Connect-es has `Aborted`, `Canceled` or `Internal` for a connection that broke. */
const transientCodes: ReadonlySet<Code> = new Set([
  Code.Aborted,
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.ResourceExhausted,
  Code.Unavailable,
  Code.Unknown,
]);

/** The codes of `onceConnect` after which to try again, with whether each proves that this attempt had no effect. */
const transientOwn: ReadonlyMap<string, { readonly noEffect: boolean }> = new Map<ErrorCode, { noEffect: boolean }>([
  ["ONCE_CLOSED", { noEffect: true }],
  ["ONCE_NO_EFFECT", { noEffect: true }],
  ["ONCE_STORE_UNAVAILABLE", { noEffect: true }],
  ["ONCE_HANDLER_FAILED", { noEffect: false }],
  ["ONCE_HANDLER_TIMEOUT", { noEffect: false }],
  ["ONCE_IN_PROGRESS", { noEffect: false }],
  ["ONCE_RESULT_UNCONFIRMED", { noEffect: false }],
]);

/** The decision on each attempt of a call. */
function decideOn(
  { method }: UnaryRequest,
  { keys, policy }: ConnectSettings,
  key: string | undefined,
): RetryPolicy<UnaryResponse>["decide"] {
  const isSafe = method.idempotency !== IdempotencyLevel.IDEMPOTENCY_UNKNOWN || (key !== undefined && keys === true);
  /** Whether an earlier attempt, or this one, may have had its effect. */
  let isInDoubt = false;
  return (outcome) => {
    if ("value" in outcome) return { action: "done" };
    const { isTransient, noEffect, metadata } = judge(outcome.error);
    isInDoubt ||= !noEffect;
    const pushbackMs = readPushback(metadata);
    if (pushbackMs === "stop") return { action: "stop", why: "pushback" };
    if (!isTransient) return { action: "stop", why: "permanent" };
    if (!noEffect && !isSafe) return { action: "stop", why: "unsafe" };
    const delayMsMin = pushbackMs ?? waitHint(metadata, policy.clock.now());
    return { action: "retry", delayMsMin, noEffect: !isInDoubt } satisfies Decision;
  };
}

interface Judgement {
  readonly isTransient: boolean;
  /** This attempt had no effect. */
  readonly noEffect: boolean;
  readonly metadata: Headers;
}

const noMetadata = new Headers();

function judge(error: unknown): Judgement {
  if (OnceAgainError.isInstance(error)) {
    const isTransient = decideByDefault({ error }).action === "retry";
    return { isTransient, noEffect: false, metadata: noMetadata };
  }
  if (!(error instanceof ConnectError)) return judgeCause(error, noMetadata);
  const { metadata, code, cause } = error;
  const own = metadata.get(errorMetadata);
  if (own !== null) {
    const known = transientOwn.get(own);
    return { isTransient: known !== undefined, noEffect: known?.noEffect ?? false, metadata };
  }
  if (!transientCodes.has(code)) return { isTransient: false, noEffect: false, metadata };
  const isLocal = cause !== undefined && cause !== null;
  return isLocal ? judgeCause(cause, metadata) : { isTransient: true, noEffect: false, metadata };
}

/** A failure of this machine or its network, by what it proves. */
function judgeCause(cause: unknown, metadata: Headers): Judgement {
  const { transient, delivery } = errorVerdict(cause);
  return { isTransient: transient, noEffect: delivery === "never", metadata };
}

/** The largest pushback, milliseconds: gRPC reads a signed number of 32 bits. */
const pushbackMsMax = 2 ** 31 - 1;

/** The least wait that a server asks for, milliseconds; `"stop"`: it wants no other attempt (gRFC A6, "Pushback"). */
function readPushback(metadata: Headers): number | "stop" | undefined {
  const text = metadata.get(pushbackMetadata);
  if (text === null) return undefined;
  const waitMs = /^\d{1,10}$/.test(text) ? Number(text) : Infinity;
  return waitMs <= pushbackMsMax ? waitMs : "stop";
}

/** The units of `grpc-timeout`, milliseconds (gRPC over HTTP/2, "Timeout"). */
const timeoutUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Takes the time that has passed from the timeout that is sent to the server, which the transport wrote for the first attempt. */
function shortenTimeout(header: Headers, elapsedMs: number): void {
  const leftOf = (timeoutMs: number): string => String(Math.max(1, Math.floor(timeoutMs - elapsedMs)));
  const [, connectMs] = /^(\d{1,10})$/.exec(header.get("connect-timeout-ms") ?? "") ?? [];
  if (connectMs !== undefined) header.set("connect-timeout-ms", leftOf(Number(connectMs)));
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(header.get("grpc-timeout") ?? "") ?? [];
  if (amount !== undefined) header.set("grpc-timeout", `${leftOf(Number(amount) * timeoutUnits[unit!]!)}m`);
}

/** The error of a call as users of Connect expect it. One of ours is its cause. */
function asConnectError(error: unknown): unknown {
  if (!OnceAgainError.isInstance(error)) return error;
  const { code, message, cause } = error;
  const last = cause instanceof ConnectError ? cause : undefined;
  const metadata = new Headers(last?.metadata);
  if (!metadata.has(errorMetadata)) metadata.set(errorMetadata, code);
  const failed = new ConnectError(message, statusOf(code) ?? last?.code ?? Code.Unknown, metadata, undefined, error);
  failed.details = last?.details ?? [];
  return failed;
}

function statusOf(code: ErrorCode): Code | undefined {
  if (code === "ONCE_DEADLINE_EXCEEDED" || code === "ONCE_ATTEMPT_TIMEOUT") return Code.DeadlineExceeded;
  return code === "ONCE_KEY_INVALID" ? Code.InvalidArgument : undefined;
}
