import { DynamoDB } from "@aws-sdk/client-dynamodb";
import { SQS } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { awsRetryStrategy } from "../../packages/once-again/src/interceptors/aws.ts";
import { fakeClock, seededRandom } from "../../packages/testing/src/index.ts";

// The numbers of AWS' standard mode, held against the strategy that the SDK itself has by default. AWS publishes no vectors.

type Failure = Parameters<ReturnType<typeof awsRetryStrategy>["refreshRetryTokenForRetry"]>[1];

/** The parts that both strategies have. The SDK's waits by itself, and notes for how long. */
interface Strategy {
  acquireInitialRetryToken(scope: string): Promise<Token>;
  refreshRetryTokenForRetry(token: Token, failure: Failure): Promise<Token>;
  recordSuccess(token: Token): void;
}

interface Token {
  getRetryCount(): number;
  getRetryDelay(): number;
  readonly $retryLog?: { readonly acquisitionDelay: number };
}

const seed = 7;
const clientOf = { aws: SQS, "aws-dynamodb": DynamoDB } as const;

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The end of one refresh: a wait, or none. */
async function refresh(strategy: Strategy, token: Token, failure: Failure): Promise<Token | undefined> {
  const refreshed = strategy.refreshRetryTokenForRetry(token, failure).catch(() => undefined);
  await vi.advanceTimersByTimeAsync(60_000);
  return refreshed;
}

test.for(Object.keys(clientOf) as (keyof typeof clientOf)[])(
  "%s: attempts, waits and quota are the SDK's own",
  async (numbers) => {
    const client = new clientOf[numbers]({ region: "us-east-1" });
    const theirs = (await client.config.retryStrategy()) as unknown as Strategy;
    client.destroy();
    const chance = seededRandom(seed);
    let dice = 0.5;
    vi.spyOn(Math, "random").mockImplementation(() => dice);
    const clock = { now: () => Date.now(), monotonic: () => Date.now(), timer: () => () => undefined };
    const ours: Strategy = awsRetryStrategy({ numbers, repeatable: true, random: () => dice, clock });
    const [waits, refusals]: number[][] = [[], []];
    for (let call = 0; call < 400; call += 1) {
      let [mine, other] = await Promise.all([
        ours.acquireInitialRetryToken("aws"),
        theirs.acquireInitialRetryToken("aws"),
      ]);
      // Outages in which the quota runs out, and quiet times.
      const failures = Math.floor(call / 50) % 2 === 0 ? 5 : Math.floor(chance() * 2);
      let ended = false;
      for (let attempt = 0; attempt < failures && !ended; attempt += 1) {
        dice = chance();
        const kinds = ["TRANSIENT", "TRANSIENT", "THROTTLING", "CLIENT_ERROR"] as const;
        const errorType = kinds[Math.floor(chance() * kinds.length)]!;
        const hintMs = chance() < 0.3 ? Math.floor(chance() * 12_000) : undefined;
        const failure: Failure = {
          error: Object.assign(new Error("failed"), {
            $metadata: { httpStatusCode: errorType === "CLIENT_ERROR" ? 400 : 503 },
          }),
          errorType,
          ...(hintMs !== undefined && { retryAfterHint: new Date(Date.now() + hintMs) }),
        };
        const next = await ours.refreshRetryTokenForRetry(mine, failure).catch(() => undefined);
        const theirNext = await refresh(theirs, other, failure);
        const at = `seed ${seed}, call ${call}, attempt ${attempt}, ${errorType}, hint ${hintMs}`;
        expect(next === undefined, at).toBe(theirNext === undefined);
        ended = next === undefined || theirNext === undefined;
        if (next === undefined || theirNext === undefined) {
          refusals!.push(attempt);
          continue;
        }
        const theirWait = theirNext.getRetryDelay() + (theirNext.$retryLog?.acquisitionDelay ?? 0);
        expect([next.getRetryCount(), next.getRetryDelay()], at).toEqual([theirNext.getRetryCount(), theirWait]);
        waits!.push(theirWait);
        [mine, other] = [next, theirNext];
      }
      if (ended) continue;
      ours.recordSuccess(mine);
      theirs.recordSuccess(other);
    }
    expect(waits!.length, "retries that were compared").toBeGreaterThan(50);
    expect(refusals!.filter((attempt) => attempt === 0).length, "first failures without a token").toBeGreaterThan(10);
  },
);

test("a call that asks for messages waits also when the quota is empty, as the SDK's own does", async () => {
  const clock = fakeClock(0);
  const empty = { tryTake: () => false, onSuccess: () => undefined };
  const strategy = awsRetryStrategy({ numbers: "aws", repeatable: true, random: () => 0.5, clock, budget: empty });
  const failure: Failure = { errorType: "THROTTLING" };
  for (const [scope, waits] of [
    ["aws:longpoll", true],
    ["aws", false],
  ] as const) {
    let hasEnded = false;
    const refused = strategy
      .refreshRetryTokenForRetry(await strategy.acquireInitialRetryToken(scope), failure)
      .catch(() => (hasEnded = true));
    await clock.advance(0);
    expect(hasEnded, scope).toBe(!waits);
    await clock.advance(500);
    await refused;
  }
});

test("numbers that are not known are refused", () => {
  expect(() => awsRetryStrategy({ numbers: "legacy" as never })).toThrow("numbers");
});
