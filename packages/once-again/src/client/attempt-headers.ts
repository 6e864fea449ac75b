import { invalidOptionError } from "../core/options.ts";
import type { Attempt } from "../retry/index.ts";

/** The names of the headers that tell the server about an attempt. What has no name is not sent. */
export interface AttemptHeaders {
  /** The attempt's number, 1-based; a server sees by it how much of its load are retries. */
  readonly number?: string | undefined;
  /** How long the caller will still wait, in whole milliseconds. Work that takes longer is in vain. */
  readonly remainingMs?: string | undefined;
}

/**
 * The attempt that a call is part of: that of a `retry` around it, which fits as it is, or that of the request which is
 * being served, read by `readAttempt`.
 */
export interface OuterAttempt {
  readonly number: number;
  readonly remainingMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a name that no header can have. */
export function checkAttemptHeaders(names: AttemptHeaders): AttemptHeaders {
  for (const [option, name] of Object.entries(names) as Array<[string, string | undefined]>) {
    if (name !== undefined && !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
      throw invalidOptionError(`attemptHeaders.${option}`, "a header's name", name);
    }
  }
  return names;
}

/** Writes the attempt's number and remaining time into its headers. */
export function writeAttempt(
  headers: { set(name: string, value: string): void },
  names: AttemptHeaders,
  { number, remainingMs }: Pick<Attempt, "number" | "remainingMs">,
): void {
  if (names.number !== undefined) headers.set(names.number, String(number));
  if (names.remainingMs === undefined || remainingMs === undefined) return;
  headers.set(names.remainingMs, String(Math.floor(remainingMs)));
}

/**
 * Reads which attempt of its caller a request is, so that the calls made to serve it can leave the retrying to that
 * caller: `fetch(url, { within: readAttempt(request.headers, names) })`.
 *
 * @param names the names under which the caller sends it.
 * @returns `undefined` when the caller does not say; then no retries above this request are known.
 */
export function readAttempt(
  headers: { get(name: string): string | null },
  names: AttemptHeaders,
): OuterAttempt | undefined {
  const number = readWhole(headers, names.number);
  if (number === undefined || number < 1) return undefined;
  return { number, remainingMs: readWhole(headers, names.remainingMs) };
}

function readWhole(headers: { get(name: string): string | null }, name: string | undefined): number | undefined {
  const value = name === undefined ? null : headers.get(name);
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/**
 * The attempt that another library's retries make of this call. The SDKs that Stainless generates (openai, anthropic and
 * many more) say so, from their second attempt on: trying each of those again would multiply.
 */
export function readForeignAttempt(headers: { get(name: string): string | null }): OuterAttempt | undefined {
  const count = headers.get("x-stainless-retry-count");
  return count !== null && /^[1-9]\d{0,8}$/.test(count) ? { number: Number(count) + 1 } : undefined;
}
