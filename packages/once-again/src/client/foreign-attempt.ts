import type { OuterAttempt } from "./attempt-headers.ts";

/**
 * The attempt that somebody else's retries make of this call. The SDKs that Stainless generates (openai, anthropic and
 * many more) say so, from their second attempt on: trying each of those again would multiply.
 */
export function readForeignAttempt(headers: { get(name: string): string | null }): OuterAttempt | undefined {
  const count = headers.get("x-stainless-retry-count");
  return count !== null && /^[1-9]\d{0,8}$/.test(count) ? { number: Number(count) + 1 } : undefined;
}
