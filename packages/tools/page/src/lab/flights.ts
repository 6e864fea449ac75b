import type { AttemptMark, ExchangeView } from "../../../src/lab/live/live-protocol.ts";

/** Where a request is drawn: from 0, the caller, to 1, the API. */
export interface Spot {
  readonly x: number;
  readonly isReturning: boolean;
  /** Whether it ends here, short of where it wanted to go. */
  readonly isCut: boolean;
}

/** One exchange as it is drawn. Times are those of the page, milliseconds. */
export interface Flight {
  readonly view: ExchangeView;
  /** When it set out; undefined while it is held. */
  readonly sentAt?: number;
  /** When the page heard where its request ended. */
  readonly turnedAt?: number;
}

/** A way takes at least as long on the page, milliseconds: a faster one can't be seen. */
const legMsMin = 260;

/** How long an end can be seen, milliseconds. */
const lingerMs = 900;

/** Losses happen halfway. */
const middle = 0.5;

/** The flight after an update of its exchange. */
export function flightAfter(flight: Flight | undefined, view: ExchangeView, now: number): Flight {
  const isSent = view.at !== "held";
  const isTurned = isSent && view.at !== "sent";
  const sentAt = flight?.sentAt ?? (isSent ? now : undefined);
  const turnedAt = flight?.turnedAt ?? (isTurned ? now : undefined);
  return { view, ...(sentAt !== undefined && { sentAt }), ...(turnedAt !== undefined && { turnedAt }) };
}

/** Where the flight is, or undefined when it is over for the eye as well. */
export function spotOf({ view, sentAt, turnedAt }: Flight, now: number): Spot | undefined {
  if (sentAt === undefined) return { x: 0, isReturning: false, isCut: false };
  const outEndsAt = sentAt + Math.max(view.requestMs, legMsMin);
  const reach = view.fate === "lose-request" ? middle : 1;
  const out = reach * share(sentAt, outEndsAt, now);
  if (turnedAt === undefined || now < outEndsAt) return { x: out, isReturning: false, isCut: false };

  const backStartsAt = Math.max(turnedAt, outEndsAt);
  if (endsShort(view)) return now < backStartsAt + lingerMs ? { x: out, isReturning: false, isCut: true } : undefined;
  const backEndsAt = backStartsAt + Math.max(view.answerMs, legMsMin);
  const isLost = view.mark === "lose-answer";
  if (now >= backEndsAt + (isLost ? lingerMs : 0)) return undefined;
  const x = 1 - (isLost ? middle : 1) * share(backStartsAt, backEndsAt, now);
  return { x, isReturning: true, isCut: isLost && now >= backEndsAt };
}

/** Without motion: the station that the request is at, on its way or at the end of it. */
export function stationOf(flight: Flight, now: number): Spot | undefined {
  const spot = spotOf(flight, now);
  if (spot === undefined || spot.isCut || flight.sentAt === undefined) return spot;
  return { ...spot, x: flight.turnedAt === undefined ? middle : 1 };
}

const endsShort = ({ mark }: ExchangeView): boolean => shortMarks.has(mark);

/** From these no answer comes back. */
const shortMarks: ReadonlySet<AttemptMark> = new Set(["lose-request", "broken", "left"]);

const share = (from: number, to: number, now: number): number => Math.min(1, Math.max(0, (now - from) / (to - from)));
