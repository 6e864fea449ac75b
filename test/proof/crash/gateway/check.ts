import type { Order, OrderEnd } from "./caller.ts";
import { type HistoryFile, type HistoryLine, judgeLines } from "../../../../packages/tools/src/judge/index.ts";
import type { Effect } from "./orders.ts";

/** The end of a run, before any key was settled. */
export interface GatewayHistory {
  readonly orders: readonly Order[];
  /** How each order ended, for each caller that sent it, and at last for one in peace. */
  readonly ends: ReadonlyMap<string, readonly OrderEnd[]>;
  readonly ledger: readonly Effect[];
  /** The keys that the store lists as held. */
  readonly held: ReadonlySet<string>;
}

export interface GatewayBreach {
  readonly invariant: "one-effect" | "same-answer" | "no-lost-effect" | "every-key-ends";
  readonly what: string;
}

/**
 * Holds what is left against the invariants: `once-again judge` the history of calls and effects, and here what it does not show.
 *
 * @param to The history is added to it.
 */
export async function gatewayBreaches(history: GatewayHistory, to?: HistoryFile): Promise<GatewayBreach[]> {
  const { orders, ends, held } = history;
  const anomalies = await judgeLines(linesOf(history), to);
  const breaches = anomalies.map(({ rule, key, what }): GatewayBreach => {
    if (rule === "own-answer" || rule === "order-per-key") throw new Error(what);
    return { invariant: rule, what: `${key}: ${what}` };
  });
  const breach = (invariant: GatewayBreach["invariant"], what: string): void => void breaches.push({ invariant, what });
  for (const { key } of orders) {
    const its = ends.get(key) ?? [];
    // A process that has lost its lease may still live: if it was only late, its answer is stored after all.
    const isUnknown = its.at(-1) === "unknown";
    if (isUnknown && its.some((end) => typeof end === "object"))
      breach("same-answer", `${key} was answered, and called unknown in the end`);
    if (its.includes("open") || its.length === 0) breach("every-key-ends", `${key} came to no end`);
    if (isUnknown !== held.has(key))
      breach("every-key-ends", `${key} ${isUnknown ? "is unknown, and not held" : "is held, and not named"}`);
  }
  return breaches;
}

/** The history of callers and the ledger, for the judge. */
function* linesOf({ orders, ends, ledger }: GatewayHistory): Generator<HistoryLine> {
  for (const { key } of orders)
    for (const end of ends.get(key) ?? ["open"]) {
      yield { type: "invoke", key };
      if (end === "unknown") yield { type: "info", key };
      if (typeof end === "object")
        yield { type: "ok", key, response: end.answer, effects: [(JSON.parse(end.answer) as Effect).effect] };
    }
  const sent = new Set(orders.map(({ key }) => key));
  for (const { key, effect } of ledger) if (sent.has(key)) yield { type: "effect", key, effect };
}
