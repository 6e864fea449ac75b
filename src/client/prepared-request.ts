import { isIdempotentMethod } from "../delivery/index.ts";
import { formatKey, makeKey } from "../key/index.ts";
import type { Attempt } from "../retry/index.ts";
import { type OuterAttempt, writeAttempt } from "./attempt-headers.ts";
import { discardBody } from "./discard-body.ts";
import type { FetchSettings } from "./fetch-options.ts";
import { readRequest } from "./read-request.ts";
import { makeBody, refuseOneShot, type RetryingRequestInit } from "./request-body.ts";
import type { Answer } from "./retry-rule.ts";

/** A request that can be sent any number of times, the same each time. */
export interface PreparedRequest<Answered extends Answer> {
  readonly method: string;
  readonly origin: string;
  /** Origin and path, fit for logs. */
  readonly url: string;
  readonly key: string | undefined;
  /** Whether sending it twice means the same as once: an idempotent method, or a key. */
  readonly repeatable: boolean;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  /** The attempt that the whole call is part of. */
  readonly outer?: OuterAttempt | undefined;
  send(attemptSignal: AbortSignal, attempt: Attempt): Promise<Answered>;
  /** Gets rid of an answer that nobody will read; what it returns resolves when the connection is free again. */
  discard(answer: Answered): void | Promise<void>;
}

/**
 * Reads the arguments of a `fetch`, names the operation and takes hold of its body's bytes.
 *
 * @throws OnceAgainError `ONCE_BODY_NOT_REPLAYABLE`; TypeError, as `fetch` does, for arguments that are no request.
 */
export async function prepareRequest(
  input: string | URL | Request,
  init: RetryingRequestInit,
  settings: FetchSettings,
): Promise<PreparedRequest<Response>> {
  const { body: given, signal: givenSignal, within: outer, ...rest } = init;
  const factory = typeof given === "function" ? given : undefined;
  // The bytes stand in for what the factory will make, so that a method which takes no body is found out now.
  const body = typeof given === "function" ? new Uint8Array() : given;
  refuseOneShot(body);
  const own = (givenSignal === undefined && input instanceof Request ? input.signal : givenSignal) ?? undefined;
  const signal = own !== undefined && outer?.signal ? AbortSignal.any([own, outer.signal]) : (own ?? outer?.signal);
  signal?.throwIfAborted();

  const { method, url, headers, body: bytes, target } = await readRequest(input, rest, body);
  const key = nameOperation(method, headers, outer === undefined ? settings : { ...settings, keys: "off" });
  const { origin, pathname, protocol } = url;
  return {
    method,
    origin,
    url: origin === "null" ? protocol : origin + pathname,
    key,
    repeatable: key !== undefined || isIdempotentMethod(method),
    signal,
    outer,
    async send(attemptSignal, { number, remainingMs }) {
      const attemptHeaders = new Headers(headers);
      writeAttempt(attemptHeaders, settings.attemptHeaders, { number: outer?.number ?? number, remainingMs });
      return settings.fetch(target, {
        ...rest,
        method,
        headers: attemptHeaders,
        ...(factory === undefined ? { body: bytes } : { body: await makeBody(factory), duplex: "half" }),
        // The attempt's signal is done when the response begins; the caller's may still abort the response's body.
        signal: signal === undefined ? attemptSignal : AbortSignal.any([attemptSignal, signal]),
      });
    },
    discard: (response) => discardBody(response, settings.policy.clock),
  };
}

/** The operation's key: the one that the caller brought or, for POST and PATCH, a new one, put into `headers`. */
export function nameOperation(
  method: string,
  headers: { get(name: string): string | null; set(name: string, value: string): void },
  settings: Pick<FetchSettings, "keys" | "keyHeader" | "keyFormat" | "policy">,
): string | undefined {
  const brought = headers.get(settings.keyHeader);
  if (brought !== null) return brought;
  if (settings.keys === "off" || !/^(POST|PATCH)$/i.test(method)) return undefined;
  const key = makeKey({ clock: settings.policy.clock, random: settings.policy.random });
  headers.set(settings.keyHeader, formatKey(key, settings.keyFormat));
  return key;
}
