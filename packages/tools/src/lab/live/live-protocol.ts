import type { CallerName } from "../caller-name.ts";

/** The messages between the live lab and those who watch it. It imports nothing of Node, since the console's page reads it too. */

/** The faults of a request, in the order of its way. */
export const liveScenarios = ["lose-request", "fail", "lose-answer"] as const;

/** One of them. */
export type LiveScenario = (typeof liveScenarios)[number];

/** The fault that one request meets, and how long each of its ways takes, milliseconds. */
export interface LiveFault {
  readonly scenario: "pass" | LiveScenario;
  readonly requestDelayMs?: number | undefined;
  readonly answerDelayMs?: number | undefined;
}

/**
 * How far a request has come since its fate was decided: it was lost, or it failed, or the API answered it; then its
 * caller gets what it will get (`heard`). Instead of either: the API was down (`broken`), or the caller had gone (`left`).
 */
export type ExchangeNews =
  | { readonly type: "lost" | "failed" | "heard" | "broken" | "left" }
  | { readonly type: "answered"; readonly mark: "pass" | "replay" | "refused" };

/** One scenario's switch. */
export interface FaultSwitch {
  readonly isOn: boolean;
  /** Share of the attempts that it befalls while it is on, 0 to `rateMax`. */
  readonly rate: number;
}

/** Three scenarios at this rate leave a tenth of the attempts alone: enough for a caller that does not give up. */
export const rateMax = 0.3;

/** How long a message is on its way, milliseconds: on average in a crowd, always in the story of one order. */
export const legMs = { slow: 1800, brisk: 300, fast: 50, full: 0 } as const;

/** How fast everything goes. */
export type Speed = keyof typeof legMs;

/** The settings of a run. Faults and speed may change while it runs. */
export interface LiveSettings {
  /** `story`: one order that loses its first answer. `crowd`: many, and the faults that are switched on. */
  readonly mode: "story" | "crowd";
  /** How many orders a crowd has, 1 to 100,000. */
  readonly orders: number;
  /** The same seed brings the same faults, 0 to 2^53 - 1. */
  readonly seed: number;
  /** How many of them each caller has on the way at a time, 1 to 64. */
  readonly concurrency: number;
  readonly speed: Speed;
  readonly faults: Readonly<Record<LiveScenario, FaultSwitch>>;
}

/** The bounds of the whole numbers among them. */
export const bounds = {
  orders: { min: 1, max: 100_000 },
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER },
  concurrency: { min: 1, max: 64 },
} as const;

/**
 * How one attempt ended: `pass` (answered), `replay` (answered from memory), `refused` (answered, with an error), the
 * three scenarios, `broken` (the API was down), `left` (its caller died); or not yet, `sent`.
 */
export type AttemptMark = "sent" | "pass" | "replay" | "refused" | LiveScenario | "broken" | "left";

/** One request and its answer. */
export interface ExchangeView {
  /** Its own, within a run. */
  readonly id: string;
  readonly caller: CallerName;
  /** The order's number, 1 and up. */
  readonly order: number;
  /** 1 and up. */
  readonly attempt: number;
  /** The request's idempotency key; the careless caller sends none. */
  readonly key?: string;
  /** How far it is: `held` at the caller, `sent`, and then as `ExchangeEvent` has it. */
  readonly at: "held" | "sent" | "lost" | "failed" | "answered" | "heard" | "broken" | "left";
  /** The fault that it meets. */
  readonly fate: "pass" | LiveScenario;
  /** Its end, as far as that is known. */
  readonly mark: AttemptMark;
  /** How long each of its ways takes, milliseconds. */
  readonly requestMs: number;
  readonly answerMs: number;
}

/** How an order stands. `in-doubt`: it was charged, and its caller never heard so. */
export type OrderState = "on-its-way" | "fine" | "charged-twice" | "lost" | "in-doubt";

/** One order with one caller. */
export interface OrderSide {
  /** How its last attempts ended, the oldest first. */
  readonly marks: readonly AttemptMark[];
  /** How many there were. */
  readonly attempts: number;
  readonly charges: number;
  readonly state: OrderState;
}

/** One order with both. */
export type OrderRow = {
  readonly order: number;
  readonly id: string;
  /** In minor units of the currency. */
  readonly amount: number;
  readonly currency: string;
} & Readonly<Record<CallerName, OrderSide>>;

/** Which orders to show: all that were sent, or those that one of the callers has in this state. */
export type OrderFilter = "all" | "charged-twice" | "lost" | "in-doubt" | "replayed";

/** Some orders, the latest first. */
export interface OrderPage {
  readonly rows: readonly OrderRow[];
  /** How many there are in all. */
  readonly total: number;
  /** Ask with `before` set to this for those before; absent: there are none. */
  readonly next?: number;
}

/** One caller's running totals. */
export interface LiveTotals {
  readonly attempts: number;
  /** Orders that their caller is done with. */
  readonly settled: number;
  /** Of those, the ones that it knows to be made. */
  readonly confirmed: number;
  /** Of those, the ones that the API answered from its memory. */
  readonly replayed: number;
  /** Rows in the ledger. */
  readonly charges: number;
  /** Charges beyond the first of their order. */
  readonly duplicates: number;
  /** Settled orders that were never charged. */
  readonly lost: number;
  /** Settled orders that their caller got no answer for. */
  readonly inDoubt: number;
}

/** A row of the ledger, as read from its file. */
export interface ChargeView {
  /** 1 for the ledger's first row, then rising. */
  readonly id: number;
  readonly order: number;
  readonly amount: number;
  readonly currency: string;
  /** Whether it is a further one of its order. */
  readonly isRepeat: boolean;
}

/** One of the processes. */
export interface ProcessView {
  readonly pid: number;
  /** `killed`: it is dead, and will be started again. `done`: it has ended by itself, after its last order. */
  readonly state: "alive" | "killed" | "done";
  /** How often it was killed in this run. */
  readonly kills: number;
}

/** The processes that can be killed. */
export type ProcessName = "api" | CallerName;

/** Where a run stands. */
export type LivePhase = "idle" | "starting" | "running" | "paused" | "finished" | "failed";

/** Everything but the single requests. */
export interface LiveState {
  readonly phase: LivePhase;
  /** Why it failed. */
  readonly problem?: string;
  readonly settings: LiveSettings;
  /** Runs so far, this one included: what came before belongs to another. */
  readonly run: number;
  /** How many orders this run has. */
  readonly orders: number;
  /** Absent before a run, and after it. */
  readonly processes?: Readonly<Record<ProcessName, ProcessView>>;
  readonly callers: Readonly<
    Record<CallerName, { readonly totals: LiveTotals; readonly ledger: readonly ChargeView[]; readonly held: number }>
  >;
}

/** A message of the stream: first a snapshot, then the changes. */
export interface LiveUpdate {
  readonly state: LiveState;
  /** Snapshot: the last ones. Later: those that moved, each as it is now; of a great many, not all. */
  readonly exchanges: readonly ExchangeView[];
}
