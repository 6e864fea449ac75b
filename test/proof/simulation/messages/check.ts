import type { Breach } from "../check.ts";
import type { Effect } from "../effects.ts";
import { isSettled, type MessageLedger, type MessageName } from "./ledger.ts";

/** The state when all is quiet again. */
export interface MessageRest {
  readonly ledger: MessageLedger;
  readonly effects: { readonly ledger: readonly Effect[] };
  readonly consumers: readonly string[];
  /** The messages that have not ended: in the outbox, at the broker, with a service. */
  readonly waiting: Readonly<Record<string, number>>;
}

/** Holds the end of a simulation of messages against the invariants of docs/verification.md. */
export function messageBreaches({ ledger, effects, consumers, waiting }: MessageRest): readonly Breach[] {
  const { accepted, commits, letters, passed, breach } = ledger;
  const first = firsts(accepted);
  const counts = new Map<string, number>();
  for (const { name, scope, key } of effects.ledger) {
    const id = `${name} of ${key} for ${scope}`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
    if (counts.get(id) === 2) breach("one-effect", `Twice the ${id}.`, key);
  }
  const isPublished = new Set(first.map(({ id }) => id));
  for (const { id } of commits) {
    if (!isPublished.has(id)) breach("every-commit-is-published", `${id} was not published.`, id);
  }
  for (const key of new Set(commits.map(({ orderingKey }) => orderingKey))) {
    if (key === undefined) continue;
    const ofKey = (messages: readonly MessageName[]): string =>
      messages
        .filter(({ id, orderingKey }) => orderingKey === key && isPublished.has(id) && !passed.has(id))
        .map(({ id }) => id)
        .join(" ");
    if (ofKey(first) !== ofKey(commits)) breach("commit-order", `${key}: ${ofKey(first)}, not ${ofKey(commits)}.`, key);
  }
  for (const { id } of first) {
    for (const consumer of consumers) {
      if (isSettled({ effects, letters }, consumer, id)) continue;
      breach("every-message-ends", `${id} has neither effect nor dead letter for ${consumer}.`, id);
    }
  }
  for (const [where, count] of Object.entries(waiting)) {
    if (count > 0) breach("every-message-ends", `${count} wait ${where}.`, "");
  }
  return ledger.breaches;
}

/** The first time that each message came. */
function firsts(accepted: readonly MessageName[]): MessageName[] {
  const byId = new Map<string, MessageName>();
  for (const message of accepted) if (!byId.has(message.id)) byId.set(message.id, message);
  return [...byId.values()];
}
