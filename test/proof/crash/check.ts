import { invariants, type InvariantName } from "../invariants.ts";
import type { Effect } from "./evidence.ts";
import { storedStatuses } from "./orders.ts";

/** How an order ended for its caller. `open`: it did not. */
export type OrderEnd = "ok" | "fail" | "info" | "open";

/** The history of one order, when everything is quiet again and its key was asked for once more. */
export interface OrderHistory {
  readonly order: string;
  readonly end: OrderEnd;
  /** Every answer of the handler that reached a caller, oldest first, and the one that the caller stored. */
  readonly answers: readonly Answer[];
  /** The last answer for the key; missing when there was no answer, or no record to ask for. */
  readonly last: Answer | undefined;
  /** The state of its key in the store's `list`. */
  readonly record: "done" | "held" | "running" | "broken" | "none";
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface History {
  readonly orders: readonly OrderHistory[];
  readonly effects: readonly Effect[];
}

/** An invariant that a run broke. */
export interface Breach {
  readonly invariant: InvariantName;
  readonly order: string;
  readonly what: string;
}

const isStored = (answer: Answer | undefined): answer is Answer =>
  answer !== undefined && storedStatuses.has(answer.status);

/**
 * Holds a history against the invariants of docs/verification.md: an order that is ok had exactly one effect, a failed
 * one had none, one of unknown outcome at most one, and every answer to a key is the same.
 */
export function breaches({ orders, effects }: History): Breach[] {
  const effectsOf = Map.groupBy(effects, ({ order }) => order);
  const ordered = new Set(orders.map(({ order }) => order));
  const unordered = [...effectsOf.keys()].filter((order) => !ordered.has(order));
  return [
    ...orders.flatMap((history) => breachesOf(history, effectsOf.get(history.order) ?? [])),
    ...unordered.map((order) => breach("no-lost-effect", order, "It has an effect, and was not ordered.")),
  ];
}

function breachesOf(history: OrderHistory, effects: readonly Effect[]): Breach[] {
  const { order, end, answers, last, record } = history;
  const all = [...answers, ...(last === undefined ? [] : [last])];
  const stored = all.filter(isStored);
  const texts = new Set(stored.map(textOf));
  const acknowledged = answers.filter(({ status }) => status === 201);
  const missing = acknowledged.find(({ text }) => !effects.some(({ effect }) => text.includes(effect)));
  const foreign = stored.find(({ text }) => !text.endsWith(` of ${order}`));
  const found: [InvariantName, string | false][] = [
    ["one-effect", effects.length > 1 && `It has ${effects.length} effects.`],
    ["same-answer", texts.size > 1 && `It was answered ${[...texts].join(" and ")}.`],
    ["same-answer", answers.some(isStored) && !isStored(last) && `It was answered, and in the end ${textOf(last)}.`],
    ["no-lost-effect", missing !== undefined && `"${missing.text}" is not in the ledger.`],
    ["no-lost-effect", end === "ok" && effects.length === 0 && "It is ok for its caller, and has no effect."],
    ["no-lost-effect", end === "fail" && effects.length > 0 && "It failed for its caller, and has an effect."],
    ["no-lost-effect", effects.length > 0 && record === "none" && "It has an effect, and its key no record."],
    ["own-answer", foreign !== undefined && `It was answered "${foreign.text}".`],
    ["own-answer", all.some(({ status }) => status === 422) && "Its key was said to be another request's."],
    ["every-key-ends", hangs(history)],
  ];
  return found.flatMap(([invariant, what]) => (what === false ? [] : [breach(invariant, order, what)]));
}

/** Says why an order has not ended: each must be done, failed, or held where people see it. */
function hangs({ end, last, record }: OrderHistory): string | false {
  if (end === "open") return "Its intent never ended.";
  if (record === "running") return "Its key is still running.";
  // Released, or never received: a request for it now would be the first.
  if (record === "none") return false;
  if (last === undefined) return "Its key was not answered in the end.";
  if (isStored(last) ? record !== "done" : record !== "held") {
    return `Its key was answered ${textOf(last)} in the end, and the store lists it as ${record}.`;
  }
  return false;
}

function breach(invariant: InvariantName, order: string, what: string): Breach {
  return { invariant, order, what: `${invariants[invariant]} Order ${order}: ${what}` };
}

function textOf(answer: Answer | undefined): string {
  return answer === undefined ? "nothing" : `${answer.status} "${answer.text}"`;
}
