import { parseRetryAfter } from "./parse-retry-after.ts";

/** From here on a number is no longer a delay but a date: a billion seconds are 31 years. */
const epochSecondsMin = 1e9;
const epochMillisecondsMin = 1e12;

const decimal = /^\d+(\.\d+)?$/;

/** Headers in pairs, the remaining calls and the time of the reset: an older draft, GitHub and many others, X. */
const pairs = ["RateLimit", "X-RateLimit", "X-Rate-Limit"] as const;

/**
 * How long a server asks to be left alone at least. The first of these that says something: `Retry-After-Ms`, as OpenAI,
 * Anthropic and Azure send it; `Retry-After` (RFC 9110, section 10.2.3); `RateLimit` (draft-ietf-httpapi-ratelimit-headers: `"default";r=0;t=30`, and
 * the dictionary of older drafts, `remaining=0, reset=30`); `RateLimit-Reset`, `X-RateLimit-Reset` and
 * `X-Rate-Limit-Reset`, in seconds from now or since the epoch.
 *
 * A rate limit asks for a wait only where nothing remains: `r=0`, or a `-Remaining` header of 0; where that header is
 * missing, status 429 says so. What is malformed is ignored.
 *
 * @param nowMs wall time, milliseconds since the Unix epoch.
 * @returns milliseconds: 0 for a date in the past, at most 2^53 - 1; `undefined` when the response asks for no wait.
 */
export function waitHint(
  headers: { get(name: string): string | null },
  nowMs: number,
  status?: number,
): number | undefined {
  const exactMs = headers.get("Retry-After-Ms") ?? "";
  if (decimal.test(exactMs)) return bounded(+exactMs);
  const retryAfterMs = parseRetryAfter(headers.get("Retry-After"), nowMs);
  if (retryAfterMs !== undefined) return retryAfterMs;
  const limitMs = rateLimitMs(headers.get("RateLimit"));
  if (limitMs !== undefined) return limitMs;
  for (const name of pairs) {
    const remaining = headers.get(`${name}-Remaining`);
    const isExhausted = remaining === null ? status === 429 : /^0+$/.test(remaining);
    const resetMs = isExhausted ? parseReset(headers.get(`${name}-Reset`), nowMs) : undefined;
    if (resetMs !== undefined) return resetMs;
  }
  return undefined;
}

/** A part of a structured field (RFC 9651) after its strings were emptied: a name or value, or a name with its value. */
const fieldPart = /^(?:""|[\w!#$%&'*+.^`|~:/?@-]+)(?:=(?:""|[\w!#$%&'*+.^`|~:/?@-]+))?$/;

/** Reads as much of a structured field as it takes: a full parser would be a third of the whole client. */
function rateLimitMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  const members = value
    // A string without its end is matched to where it breaks off, so that it is not looked for anew from each quote in it.
    .replaceAll(/"(?:[^"\\]|\\["\\])*("?)/g, '"$1')
    .split(",")
    .map((member) => member.split(";").map((part) => part.trim()));
  if (!members.flat().every((part) => fieldPart.test(part))) return undefined;
  const waits = [...members.map((parts) => exhaustedMs(parts, "r", "t")), olderFormMs(members)];
  // Of several quotas that are used up, the last to come back decides.
  return waits.reduce((one, other) => (one === undefined ? other : Math.max(one, other ?? 0)), undefined);
}

function olderFormMs(members: readonly string[][]): number | undefined {
  const fields = members.flatMap(([field = ""]) => field);
  return exhaustedMs(fields, "remaining", "reset") ?? exhaustedMs(fields, "r", "t");
}

/** The time until the reset, where nothing remains. */
function exhaustedMs(fields: readonly string[], remaining: string, reset: string): number | undefined {
  if (!fields.includes(`${remaining}=0`)) return undefined;
  const prefix = `${reset}=`;
  const seconds = fields.find((field) => field.startsWith(prefix))?.slice(prefix.length);
  return seconds !== undefined && /^\d{1,15}$/.test(seconds) ? bounded(Number(seconds) * 1000) : undefined;
}

function parseReset(value: string | null, nowMs: number): number | undefined {
  if (value === null || !decimal.test(value)) return undefined;
  const reset = Number(value);
  if (reset >= epochMillisecondsMin) return bounded(reset - nowMs);
  return bounded(reset >= epochSecondsMin ? reset * 1000 - nowMs : reset * 1000);
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, ms), Number.MAX_SAFE_INTEGER);
}
