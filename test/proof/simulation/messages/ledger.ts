import type { Effect } from "../effects.ts";
import type { Breach } from "../check.ts";
import { promisedEffects } from "../handler.ts";
import { invariants, type InvariantName } from "../../invariants.ts";

/** A message as everybody knows it. */
export interface MessageName {
  readonly id: string;
  readonly orderingKey: string | undefined;
}

/** The facts about all messages, from all processes. It finds no repeat by itself. */
export interface MessageLedger {
  /** Committed messages, in the order of their commits. */
  readonly commits: readonly MessageName[];
  /** The messages that the broker has taken, repeats included, in the order in which they came. */
  readonly accepted: readonly MessageName[];
  /** Dead letters: consumer and id. */
  readonly letters: ReadonlySet<string>;
  /** Messages that a relay parked so that the others pass. */
  readonly passed: ReadonlySet<string>;
  readonly breaches: readonly Breach[];
  commit(messages: readonly MessageName[]): void;
  accept(message: MessageName): void;
  letter(consumer: string, id: string): void;
  pass(id: string): void;
  acknowledge(consumer: string, id: string): void;
  breach(invariant: InvariantName, what: string, about: string): void;
}

/** @param effects what has happened outside. */
export function messageLedger(effects: { readonly ledger: readonly Effect[] }): MessageLedger {
  const commits: MessageName[] = [];
  const accepted: MessageName[] = [];
  const letters = new Set<string>();
  const passed = new Set<string>();
  const found: Breach[] = [];
  const breach = (invariant: InvariantName, what: string, about: string): void =>
    void found.push({ invariant, what: `${invariants[invariant]} ${what}`, about });
  return {
    commits,
    accepted,
    letters,
    passed,
    breaches: found,
    commit: (messages) => void commits.push(...messages),
    accept(message) {
      accepted.push(message);
      if (commits.some(({ id }) => id === message.id)) return;
      breach("only-commits-are-published", `${message.id} was published.`, message.id);
    },
    letter: (consumer, id) => void letters.add(`${consumer} ${id}`),
    pass: (id) => void passed.add(id),
    acknowledge(consumer, id) {
      if (isSettled({ effects, letters }, consumer, id)) return;
      breach("acknowledged-is-settled", `${consumer} acknowledged ${id}.`, id);
    },
    breach,
  };
}

/** Whether all that a message promises has happened, or its dead letter is there. */
export function isSettled(
  {
    effects: { ledger },
    letters,
  }: { readonly effects: { readonly ledger: readonly Effect[] }; readonly letters: ReadonlySet<string> },
  consumer: string,
  id: string,
): boolean {
  const own = ledger.filter(({ scope, key }) => scope === consumer && key === id);
  return (
    letters.has(`${consumer} ${id}`) || promisedEffects(id).every((name) => own.some((effect) => effect.name === name))
  );
}
