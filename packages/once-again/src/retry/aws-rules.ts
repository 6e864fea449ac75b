import { type Backoff, exponential } from "./backoff.ts";
import { fullJitter } from "./jitter.ts";

/** The numbers of AWS' standard mode ("Retry behavior", AWS SDKs and Tools Reference Guide, November 2026). */
export const awsNumbers = {
  aws: { attemptsMax: 3, baseMs: 50 },
  "aws-dynamodb": { attemptsMax: 4, baseMs: 25 },
} as const;
const [throttledBaseMs, capMs, hintMsMax] = [1000, 20_000, 5000];

/** The facts about a failure that AWS' waits depend on. */
export interface AwsFailureKind {
  readonly isThrottled: boolean;
  /** How long the service asks to wait, milliseconds; `undefined`: it does not say. */
  readonly hintMs: number | undefined;
}

/** How long AWS' standard mode waits after a failure. A service's hint adds 5 s to a wait at most. */
export function awsBackoff(baseMs: number): (failure: AwsFailureKind) => Backoff {
  const growing = (base: number): Backoff => exponential({ baseMs: base, capMs, jitter: fullJitter() });
  const [transient, throttled] = [growing(baseMs), growing(throttledBaseMs)];
  return ({ isThrottled, hintMs }) =>
    (context) => {
      const delayMs = Math.floor((isThrottled ? throttled : transient)(context));
      return hintMs === undefined ? delayMs : Math.max(delayMs, Math.min(hintMs, delayMs + hintMsMax));
    };
}
