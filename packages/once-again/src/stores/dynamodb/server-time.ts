import type { Clock } from "../../core/clock.ts";

/** The time of DynamoDB, as far as it is known: not before `earliest`, not after `latest`. Whole milliseconds since the epoch. */
export interface TimeInterval {
  readonly earliest: number;
  readonly latest: number;
  /** When it was found, on the monotonic clock. */
  readonly at: number;
  /** A lease that ends now is stamped with this time, so that every later answer shows it ended. */
  readonly ended: number;
}

/** The time at which an answer was given. */
export interface AnswerTime extends TimeInterval {
  /**
   * Whether the answer is later than all that `stamp` thought possible, by its own date: what was stamped so ends too early. What other
   * answers have corrected meanwhile does not count.
   *
   * @param waitMs how long the request may have taken, by the monotonic clock, without being late: a second or more; default a second.
   */
  isPast(stamp: TimeInterval, waitMs?: number): boolean;
}

/** The time of a DynamoDB, by the answers that it gives. */
export interface ServerTime {
  /** Takes the `Date` header of an answer. @param sentAt when its request was sent, on the monotonic clock. */
  observe(date: string, sentAt: number): AnswerTime;
  /** The time now; `undefined` before the first answer. */
  now(): TimeInterval | undefined;
}

/** A header has whole seconds. */
const secondMs = 1000;

/** How much one clock may gain on another: 200 parts in a million. */
const driftMax = 0.0002;

/** Bounds of the difference between the server's time and the monotonic clock. */
interface Offsets {
  readonly low: number;
  readonly high: number;
  /** When they were found, on the monotonic clock. */
  readonly at: number;
}

/**
 * DynamoDB has no time in its conditions, and a host's clock may be wrong by any amount. But each answer has a `Date`: one that was sent at
 * `sentAt`, received at `receivedAt` and says `date` bounds the difference between the server's time and our monotonic clock from both
 * sides. What several answers say is intersected. A lease is judged by the earliest time that it may be, and stamped with the latest: the
 * error is for its owner.
 *
 * An answer that contradicts those before it (this host slept, or another front end is wrong) is not believed alone: until a second one
 * agrees with it, the earliest time is the earlier of both, and the latest is the later.
 */
export function serverTime(clock: Pick<Clock, "monotonic">): ServerTime {
  let known: Offsets | undefined;
  let contradicting: Offsets | undefined;

  const intervalAt = (at: number): TimeInterval | undefined => {
    if (known === undefined) return undefined;
    const one = widen(known, at);
    const other = contradicting === undefined ? one : widen(contradicting, at);
    const earliest = Math.floor(at + Math.min(one.low, other.low));
    return {
      earliest,
      at,
      ended: Math.floor(earliest / secondMs) * secondMs,
      latest: Math.ceil(at + Math.max(one.high, other.high)),
    };
  };
  return {
    now: () => intervalAt(clock.monotonic()),
    observe(date, sentAt) {
      const receivedAt = clock.monotonic();
      const { first, last } = readDates(date);
      const answer = { low: first - receivedAt, high: last + secondMs - sentAt, at: receivedAt };
      const before = known && widen(known, receivedAt);
      const agreed = before === undefined ? answer : intersect(before, answer);
      const confirmed = contradicting && intersect(widen(contradicting, receivedAt), answer);
      if (agreed !== undefined || confirmed !== undefined) [known, contradicting] = [agreed ?? confirmed, undefined];
      else contradicting = answer;
      const interval = intervalAt(receivedAt)!;
      return {
        // The answer itself says no later time.
        earliest: Math.min(first, interval.earliest),
        latest: interval.latest,
        at: receivedAt,
        ended: Math.min(first, interval.ended),
        // A request that takes its time is no sleep, and one that took longer than that (a process that froze) is.
        isPast: (stamp, waitMs = secondMs) => first > stamp.latest + Math.min(receivedAt - stamp.at, waitMs),
      };
    },
  };
}

function widen({ low, high, at }: Offsets, now: number): Offsets {
  const drift = (now - at) * driftMax;
  return { low: low - drift, high: high + drift, at: now };
}

/** The bounds that both allow; `undefined` when they contradict each other. */
function intersect(one: Offsets, other: Offsets): Offsets | undefined {
  const [low, high] = [Math.max(one.low, other.low), Math.min(one.high, other.high)];
  return low <= high ? { low, high, at: other.at } : undefined;
}

/** As RFC 9110 has it: `Mon, 30 Nov 2026 14:41:29 GMT`. */
const httpDate = /\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT/g;

/** Whether a header has a date that can be read. */
export function isDated(header: string | undefined): header is string {
  return header !== undefined && !Number.isNaN(readDates(header).first);
}

/** The dates of a header, milliseconds since the epoch; not numbers where it has none. */
interface Dates {
  readonly first: number;
  readonly last: number;
}

/** The header that was read last: all answers of one second have the same. */
let known: { readonly header: string; readonly dates: Dates } | undefined;

/** The dates of a header, the first and the last in time: where a proxy adds its own, there are two in one. */
export function readDates(header: string): Dates {
  if (known?.header !== header) known = { header, dates: parseDates(header) };
  return known.dates;
}

function parseDates(header: string): Dates {
  const dates = (header.match(httpDate) ?? []).map((date) => Date.parse(date)).filter((ms) => !Number.isNaN(ms));
  return dates.length === 0 ? noDates : { first: Math.min(...dates), last: Math.max(...dates) };
}

const noDates: Dates = { first: Number.NaN, last: Number.NaN };
