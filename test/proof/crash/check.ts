import { invariants, type InvariantName } from "../invariants.ts";
import type { Effect } from "./evidence.ts";
import { storedStatuses } from "./orders.ts";

/** How an order ended for its caller. `open`: it did not. */
export type OrderEnd = "ok" | "fail" | "info" | "open";

/** What became of one order, when everything had come to rest and its key was asked for once more. */
export interface OrderHistory {
  readonly order: string;
  readonly end: OrderEnd;
  /** Every answer of the handler that reached somebody, oldest first, and the one that the caller kept. */
  readonly answers: readonly Answer[];
  /** What the key answers in the end, asked once more; missing when there was no answer, or no record to ask for. */
  readonly last: Answer | undefined;
  /** What the store's `list` shows of its key. */
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

const isKept = (answer: Answer | undefined): answer is Answer =>
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
    ...unordered.map((order) => breach("no-lost-effect", order, "It has an effect, and nobody ordered it.")),
  ];
}

function breachesOf(history: OrderHistory, effects: readonly Effect[]): Breach[] {
  const { order, end, answers, last, record } = history;
  const told = [...answers, ...(last === undefined ? [] : [last])];
  const kept = told.filter(isKept);
  const texts = new Set(kept.map(textOf));
  const acknowledged = answers.filter(({ status }) => status === 201);
  const missing = acknowledged.find(({ text }) => !effects.some(({ effect }) => text.includes(effect)));
  const foreign = kept.find(({ text }) => !text.endsWith(` of ${order}`));
  const found: [InvariantName, string | false][] = [
    ["one-effect", effects.length > 1 && `It has ${effects.length} effects.`],
    ["same-answer", texts.size > 1 && `It was answered ${[...texts].join(" and ")}.`],
    ["same-answer", answers.some(isKept) && !isKept(last) && `It was answered, and in the end ${textOf(last)}.`],
    ["no-lost-effect", missing !== undefined && `"${missing.text}" is not in the ledger.`],
    ["no-lost-effect", end === "ok" && effects.length === 0 && "It is ok for its caller, and has no effect."],
    ["no-lost-effect", end === "fail" && effects.length > 0 && "It failed for its caller, and has an effect."],
    ["no-lost-effect", effects.length > 0 && record === "none" && "It has an effect, and its key no record."],
    ["own-answer", foreign !== undefined && `It was answered "${foreign.text}".`],
    ["own-answer", told.some(({ status }) => status === 422) && "Its key was said to be another request's."],
    ["every-key-ends", hangs(history)],
  ];
  return found.flatMap(([invariant, what]) => (what === false ? [] : [breach(invariant, order, what)]));
}

/** What of an order has not come to its end: each is done, failed, or held where people see it. */
function hangs({ end, last, record }: OrderHistory): string | false {
  if (end === "open") return "Its intent never ended.";
  if (record === "running") return "Its key is still running.";
  // Released, or never heard of: whoever asks for it now would be the first.
  if (record === "none") return false;
  if (last === undefined) return "Its key was not answered in the end.";
  if (isKept(last) ? record !== "done" : record !== "held") {
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
