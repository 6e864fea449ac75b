import type { Order, OrderEnd } from "./caller.ts";
import { answerOf, type Effect } from "./orders.ts";

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

/** Holds what is left against the invariants. */
export function gatewayBreaches({ orders, ends, ledger, held }: GatewayHistory): GatewayBreach[] {
  const effects = Map.groupBy(ledger, ({ key }) => key);
  return orders.flatMap(({ key }): GatewayBreach[] => {
    const breaches: GatewayBreach[] = [];
    const breach = (invariant: GatewayBreach["invariant"], what: string): void =>
      void breaches.push({ invariant, what: `${key} ${what}` });
    const had = effects.get(key) ?? [];
    const its = ends.get(key) ?? [];
    const answers = new Set(its.flatMap((end) => (typeof end === "object" ? [end.answer] : [])));
    // A process that has lost its lease may still live: if it was only late, its answer is stored after all.
    const isUnknown = its.at(-1) === "unknown";
    if (had.length > 1) breach("one-effect", `has ${had.length} effects`);
    if (answers.size > 1) breach("same-answer", `was answered in ${answers.size} ways`);
    if (answers.size > 0 && isUnknown) breach("same-answer", "was answered, and called unknown in the end");
    if (answers.size > 0 && !had.some((effect) => answers.has(answerOf(effect)))) {
      breach("no-lost-effect", "was answered with an effect that is not there");
    }
    if (its.includes("open") || its.length === 0) breach("every-key-ends", "came to no end");
    if (isUnknown !== held.has(key))
      breach("every-key-ends", isUnknown ? "is unknown, and not held" : "is held, and not named");
    return breaches;
  });
}
