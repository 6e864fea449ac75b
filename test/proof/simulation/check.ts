import type { InspectedRecord } from "../../../packages/once-again/src/stores/store.ts";
import { invariants, type InvariantName } from "../invariants.ts";
import type { Answer, Order } from "./callers.ts";
import type { Effect } from "./effects.ts";
import { isDeclined, promisedEffects } from "./handler.ts";
import type { Mode } from "./plan.ts";

/** An invariant that one simulation broke, and what broke it. */
export interface Breach {
  readonly invariant: InvariantName;
  readonly what: string;
  /** The text to look for in the diary. */
  readonly about: string;
}

/** The state when all is quiet again and every order has been asked for once more. */
export interface Rest {
  readonly mode: Mode;
  readonly orders: readonly Order[];
  readonly ledger: readonly Effect[];
  /** The answer to the last, undisturbed call of each order; missing when it was not answered. */
  readonly lastAnswers: ReadonlyMap<Order, Answer>;
  readonly records: ReadonlyMap<Order, InspectedRecord | undefined>;
}

/** Holds the end of a simulation against the invariants of docs/verification.md. */
export function breaches(rest: Rest): Breach[] {
  const found: Breach[] = [];
  const breach = (invariant: InvariantName, order: { name: string }, what: string): void =>
    void found.push({ invariant, what: `${invariants[invariant]} ${what}`, about: order.name });
  const effectsPer = new Map<string, number>();
  for (const { scope, key, name, order } of rest.ledger) {
    for (const id of [`${name} of order ${order}`, `${name} of key ${scope} ${key}`]) {
      effectsPer.set(id, (effectsPer.get(id) ?? 0) + 1);
      if (effectsPer.get(id) === 2) breach("one-effect", { name: order }, `Twice the ${id}.`);
    }
  }
  for (const order of rest.orders) {
    const { name, scope, answers } = order;
    const own = rest.ledger.filter((effect) => effect.order === name);
    const final = answers.filter((answer) => answer.isFinal);
    const texts = new Set(final.map(({ status, text }) => `${status} ${text}`));
    if (texts.size > 1) breach("same-answer", order, `Order ${name} got ${[...texts].join(" and ")}.`);
    for (const { status, text } of final) {
      const lost = promisedEffects(name).filter((effect) => !own.some((found) => found.name === effect));
      if (status === 201 && lost.length > 0) breach("no-lost-effect", order, `Order ${name} got "${text}".`);
      if (status === 201 && !text.endsWith(`: order ${name} of ${scope}`))
        breach("own-answer", order, `Order ${name} got "${text}".`);
    }
    const isAlone = !rest.orders.some((other) => other !== order && other.scope === scope && other.key === order.key);
    if (isAlone && answers.some(({ status }) => status === 422)) {
      breach("own-answer", order, `Order ${name} was refused for a key that no other order used.`);
    }
    const record = rest.records.get(order);
    if (own.length > 0 && record === undefined) breach("no-lost-effect", order, `Order ${name} has no record.`);
    const last = rest.lastAnswers.get(order);
    if (final.length > 0 && last?.isFinal !== true) {
      breach("same-answer", order, `Order ${name} got "${final[0]!.text}", and ${last?.status} later.`);
    }
    if (!hasEnded(rest.mode, order, last, record)) {
      breach("every-key-ends", order, `Order ${name} was last answered ${last?.status} ${last?.text}.`);
    }
  }
  return found;
}

/** Whether the last answer is one that an order may end with. */
function hasEnded(mode: Mode, { name }: Order, last: Answer | undefined, record: InspectedRecord | undefined): boolean {
  if (last === undefined) return false;
  if (last.status === 422) return record?.state !== "running";
  if (last.status === (isDeclined(name) ? 402 : 201)) return record?.state === "done";
  if (mode !== "hold") return false;
  // A failure that was stored, or a key that is held where people see it.
  return record?.state === (last.isFinal ? "done" : "abandoned");
}
