import type { OrderOutcome } from "../send-order.ts";
import type { AttemptMark, LiveTotals, OrderFilter, OrderSide, OrderState } from "./live-protocol.ts";

/** The state of all orders of one caller, a few bytes each. Orders are numbered from 1. */
export interface OrderSides {
  readonly totals: LiveTotals;
  /** The highest number that was sent. */
  readonly sent: number;
  /** Notes an attempt at an order, and answers which it is, 1-based. */
  attempt(order: number): number;
  /** Notes how an attempt ended. */
  mark(order: number, attempt: number, mark: AttemptMark): void;
  /** Notes a charge, and answers how many the order has now. */
  charge(order: number): number;
  /** Notes that the caller is done with an order. */
  settle(order: number, outcome: OrderOutcome): void;
  of(order: number): OrderSide;
  /** Whether an order is among those that the filter is for. */
  fits(order: number, filter: OrderFilter): boolean;
}

/** The record of one order. */
export interface OrderRecord {
  readonly attempts: number;
  readonly charges: number;
  readonly outcome: OrderOutcome | undefined;
}

/** The part of one order in the totals. */
export function countTotals({ attempts, charges, outcome }: OrderRecord): LiveTotals {
  const isSettled = outcome !== undefined;
  return {
    attempts,
    settled: Number(isSettled),
    confirmed: Number(outcome === "confirmed" || outcome === "replayed"),
    replayed: Number(outcome === "replayed"),
    charges,
    duplicates: Math.max(0, charges - 1),
    lost: Number(isSettled && charges === 0),
    inDoubt: Number(outcome === "unconfirmed"),
  };
}

/** How one order stands: the worst that can be said of it. */
export function readState({ charges, outcome }: OrderRecord): OrderState {
  if (charges > 1) return "charged-twice";
  if (outcome === undefined) return "on-its-way";
  if (charges === 0) return "lost";
  return outcome === "unconfirmed" ? "in-doubt" : "fine";
}

/** A mark is stored as one character. */
const markLetters: Readonly<Record<AttemptMark, string>> = {
  sent: "s",
  pass: "p",
  replay: "m",
  refused: "r",
  "lose-request": "q",
  fail: "f",
  "lose-answer": "a",
  broken: "b",
  left: "l",
};

const markByLetter = new Map(Object.entries(markLetters).map(([mark, letter]) => [letter, mark as AttemptMark]));

/** Of an order with more attempts only the last ones are stored. */
const marksMax = 24;

const outcomeNames = [undefined, "confirmed", "replayed", "unconfirmed"] as const;

/** Nothing yet, for orders 1 to `count`. */
export function orderSides(count: number): OrderSides {
  const marks = Array.from({ length: count + 1 }, () => "");
  const attempts = new Uint32Array(count + 1);
  const charges = new Uint32Array(count + 1);
  const outcomes = new Uint8Array(count + 1);
  let totals = countTotals({ attempts: 0, charges: 0, outcome: undefined });
  let sent = 0;

  const record = (order: number): OrderRecord => ({
    attempts: attempts[order]!,
    charges: charges[order]!,
    outcome: outcomeNames[outcomes[order]!],
  });
  const change = (order: number, apply: () => void): void => {
    const before = countTotals(record(order));
    apply();
    const after = countTotals(record(order));
    const names = Object.keys(totals) as (keyof LiveTotals)[];
    totals = Object.fromEntries(
      names.map((name) => [name, totals[name] - before[name] + after[name]]),
    ) as unknown as LiveTotals;
  };
  return {
    get totals() {
      return totals;
    },
    get sent() {
      return sent;
    },
    attempt(order) {
      change(order, () => (attempts[order]! += 1));
      marks[order] = (marks[order]! + markLetters.sent).slice(-marksMax);
      sent = Math.max(sent, order);
      return attempts[order]!;
    },
    mark(order, attempt, mark) {
      const letters = marks[order]!;
      const index = attempt - 1 - (attempts[order]! - letters.length);
      if (index >= 0) marks[order] = letters.slice(0, index) + markLetters[mark] + letters.slice(index + 1);
    },
    charge(order) {
      change(order, () => (charges[order]! += 1));
      return charges[order]!;
    },
    settle(order, outcome) {
      change(order, () => (outcomes[order] = outcomeNames.indexOf(outcome)));
    },
    of(order) {
      const { attempts, charges } = record(order);
      const ended = Array.from(marks[order]!, (letter) => markByLetter.get(letter)!);
      return { marks: ended, attempts, charges, state: readState(record(order)) };
    },
    fits(order, filter) {
      if (filter === "all") return attempts[order]! > 0;
      if (filter === "replayed") return marks[order]!.includes(markLetters.replay);
      return readState(record(order)) === filter;
    },
  };
}
