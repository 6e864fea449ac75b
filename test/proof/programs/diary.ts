/** One effect of one run, as its handler saw it. */
export interface NotedEffect {
  readonly effect: string;
  /** The fate of its promise: pending when it never settled. */
  fate: "pending" | "resolved" | "rejected";
  /** Whether the program itself took it back, by its own ROLLBACK. */
  readonly isTakenBack: boolean;
}

/** One run of the handler. */
export interface NotedRun {
  readonly run: number;
  readonly effects: NotedEffect[];
  /** Whether a transaction of the program's own is open that it will roll back, with all that is sent meanwhile. */
  takesBack: boolean;
  /** Resolves when the handler has ended, even if other code answered. */
  readonly ended: Promise<void>;
}

/** A request of the program: its name in a header, and the events that its handler can cause. */
export interface Exchange {
  readonly id: string;
  /** Another party's time-out answers now. */
  readonly timeOut: () => void;
  /** Resolves then. */
  readonly timedOut: Promise<void>;
  /** The caller hangs up now. */
  leave: () => void;
  /** Resolves when the caller has its answer, or has left. */
  readonly over: Promise<void>;
  readonly end: () => void;
}

export function newExchange(id: string): Exchange {
  const [timeOut, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return {
    id,
    timeOut: timeOut.resolve,
    timedOut: timeOut.promise,
    leave: () => undefined,
    over: over.promise,
    end: over.resolve,
  };
}

/** The header by which a handler finds its exchange. */
export const exchangeHeader = "x-exchange";
