import { type FakeClock, fakeClock, flakyNetwork } from "@once-again/testing";
import { seededRandom } from "once-again";
import { serveHandler } from "./serve-handler.ts";
import { countOf, type Story } from "./story.ts";

type Sleep = (ms: number) => Promise<void>;

const sleepOf =
  (clock: FakeClock): Sleep =>
  (ms) =>
    new Promise((resolve) => void clock.timer(ms, resolve));

/** Longer than any caller may take, milliseconds of the fake clock. */
const wholeStoryMs = 600_000;

type Settled<Value> = { readonly value: Value } | { readonly error: unknown } | undefined;

/** Runs a caller on the fake clock until it has settled, or the story's time is over. */
async function runCaller<Value>(clock: FakeClock, call: Promise<Value>): Promise<Settled<Value>> {
  let settled: Settled<Value>;
  call.then(
    (value) => (settled = { value }),
    (error: unknown) => (settled = { error }),
  );
  await clock.advance(wholeStoryMs);
  return settled;
}

type CallService = (send: () => Promise<string>, sleep: Sleep, attemptsMax: number) => Promise<string>;

/** Exercise 3: the waits between the attempts, by a fake clock. */
export async function gradeFourthRetry(callWithRetries: CallService, story: Story): Promise<void> {
  const trial = async (failures: number, attemptsMax: number) => {
    const clock = fakeClock();
    const times: number[] = [];
    const send = async (): Promise<string> => {
      times.push(clock.monotonic());
      if (times.length <= failures) throw new Error("the service is down");
      return "done";
    };
    const settled = await runCaller(clock, callWithRetries(send, sleepOf(clock), attemptsMax));
    const waits = times.slice(1).map((time, index) => (time - times[index]!) / 1000);
    return { settled, waits, attempts: times.length };
  };

  story.at(2);
  const { settled, waits, attempts } = await trial(4, 5);
  story.expect(waits.slice(0, 3).join() === "1,2,4", `the waits were ${waits.slice(0, 3).join(", ")} s, not 1, 2, 4 s`);
  story.at(3);
  story.expect(waits[3] === 8, `the wait before the fourth retry was ${waits[3] ?? "none, 0"} s, not 8 s`);
  story.at(4);
  story.expect(attempts === 5, `the caller made ${countOf(attempts, "attempt")}`);
  const isDone = settled !== undefined && "value" in settled && settled.value === "done";
  story.expect(isDone, "the caller did not get the result of its fifth attempt");
  story.at(5);
  const down = await trial(100, 3);
  story.expect(down.attempts === 3, `it made ${countOf(down.attempts, "attempt")} where 3 were allowed`);
  const hasFailed = down.settled !== undefined && "error" in down.settled;
  story.expect(hasFailed, "it did not throw the service's error after the last attempt");
}

/** Exercise 4: a caller behind a flaky network, in front of a shop that honours keys. */
export async function gradeKeyForEachAttempt(
  placeOrder: (url: string, item: string) => Promise<number>,
  story: Story,
): Promise<void> {
  const orders: string[] = [];
  const placed = new Map<string, number>();
  await using shop = await serveHandler(async (request) => {
    const key = request.headers.get("Idempotency-Key") ?? crypto.randomUUID();
    const { item } = (await request.json()) as { item: string };
    const id = placed.get(key) ?? orders.push(item);
    placed.set(key, id);
    return Response.json({ id }, { status: 201, headers: { Connection: "close" } });
  });
  await using network = await flakyNetwork({ upstream: shop });
  const countItem = (item: string): number => orders.filter((ordered) => ordered === item).length;

  story.at(1);
  network.next({ scenario: "lose-request" });
  await placeOrder(`${network.url}/orders`, "coffee");
  story.expect(countItem("coffee") === 1, `${countOf(countItem("coffee"), "order")} of coffee were made`);
  story.at(3);
  network.next({ scenario: "lose-answer" });
  await placeOrder(`${network.url}/orders`, "tea");
  const teas = countItem("tea");
  story.expect(teas === 1, `the second attempt came with another key, and ${teas} orders of tea were made`);
  story.at(4);
  await placeOrder(`${network.url}/orders`, "coffee");
  story.expect(
    countItem("coffee") === 2,
    "the second order of coffee came with the key of the first, and was not made",
  );
}

const callers = 1000;
const windowMs = 50;
const windowMax = 200;

/** Exercise 10: 1,000 callers that failed at the same moment. */
export async function gradeEverybodyAtOnce(
  waitBeforeRetry: (retry: number, random: () => number) => number,
  story: Story,
): Promise<void> {
  const random = seededRandom(1);
  const waitAll = (retry: number): number[] => Array.from({ length: callers }, () => waitBeforeRetry(retry, random));
  const average = (waits: readonly number[]): number => waits.reduce((sum, wait) => sum + wait, 0) / waits.length;

  story.at(2);
  const first = waitAll(1);
  story.expect(first.every(Number.isFinite), "a wait was no number");
  const peak = busiestWindow(first);
  story.expect(
    peak <= windowMax,
    `${peak} of ${callers} callers came back within the same ${windowMs} ms; ${windowMax} would have been fine`,
  );
  story.at(3);
  const fourth = waitAll(4);
  const ratio = average(fourth) / average(first);
  story.expect(
    ratio >= 4,
    `before the fourth retry they waited only ${ratio.toFixed(1)} times as long as before the first`,
  );
  story.at(4);
  const longest = Math.max(...[1, 2, 4, 8, 16, 64].flatMap(waitAll));
  story.expect(longest <= 45_000, `a caller waited ${Math.round(longest / 1000)} s`);
  story.expect(average(fourth) >= 1000, `their average wait was ${Math.round(average(fourth))} ms`);
}

/** The most callers in any window that begins with one of them. */
function busiestWindow(waits: readonly number[]): number {
  const sorted = [...waits].sort((one, other) => one - other);
  return Math.max(...sorted.map((from, index) => countUntil(sorted, from + windowMs) - index));
}

const countUntil = (sorted: readonly number[], end: number): number => {
  const index = sorted.findIndex((time) => time >= end);
  return index < 0 ? sorted.length : index;
};

type CallServer = (send: () => Promise<Response>, sleep: Sleep) => Promise<Response>;

/** Exercise 11: what a caller makes of statuses and `Retry-After`, by a fake clock. */
export async function gradeRetryAfter(callWithRetries: CallServer, story: Story): Promise<void> {
  const trial = async (status: number, headers: Record<string, string> = {}) => {
    const clock = fakeClock();
    const times: number[] = [];
    const send = async (): Promise<Response> => {
      const isFirst = times.push(clock.monotonic()) === 1;
      return isFirst || status === 400 ? new Response("no", { status, headers }) : new Response("yes");
    };
    const settled = await runCaller(clock, callWithRetries(send, sleepOf(clock)));
    const response = settled !== undefined && "value" in settled ? settled.value : undefined;
    return { response, attempts: times.length, waitedSeconds: ((times[1] ?? 0) - (times[0] ?? 0)) / 1000 };
  };

  story.at(1);
  const refused = await trial(400);
  story.expect(refused.attempts === 1, `the caller sent a request ${refused.attempts} times that was refused with 400`);
  story.expect(refused.response?.status === 400, "the caller did not answer the 400");
  for (const [step, status, seconds] of [
    [2, 503, 7],
    [3, 429, 2],
  ] as const) {
    story.at(step);
    const { response, attempts, waitedSeconds } = await trial(status, { "Retry-After": `${seconds}` });
    story.expect(attempts === 2 && response?.status === 200, `after the ${status} the caller did not come again`);
    const isPatient = waitedSeconds >= seconds;
    story.expect(isPatient, `the server said ${seconds} s, and the caller came back after ${waitedSeconds} s`);
  }
  story.at(4);
  const failed = await trial(500);
  story.expect(failed.response?.status === 200, "after the 500 the caller did not come again");
  story.expect(failed.waitedSeconds > 0, "after the 500 the caller came again without a wait");
}
