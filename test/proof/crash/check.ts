import { invariants, type InvariantName } from "../invariants.ts";
import type { Effect } from "./evidence.ts";
import { type HistoryFile, type HistoryLine, judgeLines } from "../../../packages/tools/src/judge/index.ts";
import { orderName, partsOf, readAnswer, storedStatuses } from "./orders.ts";

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
 * one had none, one of unknown outcome at most one, and every answer to a key is the same. `once-again judge` says so; here is
 * what no history of calls shows: the store's list, and whether an order ends.
 *
 * @param to The history is added to it, as lines for `once-again judge`.
 */
export async function breaches(history: History, to?: HistoryFile): Promise<Breach[]> {
  const anomalies = await judgeLines(linesOf(history), to);
  const effectsOf = Map.groupBy(history.effects, ({ order }) => order);
  return [
    ...anomalies.map(({ rule, scope, key, what }): Breach => {
      // A number in a sequence is no part of an order's history.
      if (rule === "order-per-key") throw new Error(what);
      return breach(rule, orderName(scope, key), what);
    }),
    ...history.orders.flatMap((one) => breachesOf(one, effectsOf.has(one.order))),
  ];
}

/** The history of callers and the ledger, for the judge. */
function* linesOf({ orders, effects }: History): Generator<HistoryLine> {
  for (const { order, end, answers, last } of orders) {
    const operation = { ...partsOf(order), request: order };
    for (const answer of [...answers, ...(last === undefined ? [] : [last])].filter(isStored)) {
      const { request, effect } = readAnswer(answer.text);
      yield { ...operation, type: "invoke" };
      yield {
        ...operation,
        type: "ok",
        request,
        response: textOf(answer),
        effects: effect === undefined ? [] : [effect],
      };
    }
    // An answer says more than the word of its intent.
    yield { ...operation, type: "invoke" };
    if (end === "fail" || end === "info") yield { ...operation, type: end };
  }
  for (const { effect, order } of effects) yield { ...partsOf(order), type: "effect", request: order, effect };
}

function breachesOf({ order, end, answers, last, record }: OrderHistory, hasEffect: boolean): Breach[] {
  const isRefused = [...answers, last].some((answer) => answer?.status === 422);
  const isAcknowledged = answers.some(({ status }) => status === 201);
  const hanging = hangs({ order, end, answers, last, record });
  const found: [InvariantName, string | false][] = [
    ["same-answer", answers.some(isStored) && !isStored(last) && `It was answered, and in the end ${textOf(last)}.`],
    [
      "no-lost-effect",
      end === "fail" && isAcknowledged && "It was answered with a success, and failed for its caller.",
    ],
    ["no-lost-effect", end === "ok" && !hasEffect && "It is ok for its caller, and has no effect."],
    ["no-lost-effect", hasEffect && record === "none" && "It has an effect, and its key no record."],
    ["own-answer", isRefused && "Its key was said to be another request's."],
    ["every-key-ends", hanging],
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
