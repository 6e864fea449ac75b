import type { After, Rules, Step } from "./explain.ts";
import type { TransactionCall } from "./trace-step.ts";

/** A key in a database of which its transactions are. */
interface State {
  readonly record: { readonly request: string; readonly result: string } | undefined;
  /** The transactions that work under the key. */
  readonly working: readonly Working[];
  /** Whether a transaction has ended without a commit, and its process did not say so. */
  readonly isLeft: boolean;
}

interface Working {
  readonly owner: string;
  readonly process: string;
  readonly request: string;
}

/** The rules of a transaction (spec/transaction.md), which are also those of a message at its consumer (spec/inbox.md). */
export const transactionRules: Rules<TransactionCall, State> = {
  first: { record: undefined, working: [], isLeft: false },
  after(state, step, latest) {
    switch (step.call.call) {
      case "begin":
        return afterBegin(state, step);
      case "end":
        return afterEnd(state, step, latest);
      // T2, I2: an effect is in a transaction that has the key.
      case "effect":
        return state.working.some(({ process }) => process === step.process) ? [{ state }] : [];
      // I3, I4: the record is there by then.
      case "acknowledge":
        return state.record === undefined ? [] : [{ state }];
      // Its acknowledgement, or that of its publish, was lost: what is done comes again.
      case "receive":
        return [{ state, ...(state.record !== undefined && { shows: ["lost acknowledgement"] as const }) }];
      case "dead-letter":
      case "give-back":
        return [{ state }];
    }
  },
};

function afterBegin(state: State, { answer, call, process }: Step<TransactionCall>): After<State>[] {
  const { record, working, isLeft } = state;
  const { owner = "", request = "", isOptimistic = false } = call;
  switch (answer?.said) {
    case "granted": {
      // T1, I1, I8.
      if (record !== undefined || (working.length > 0 && !isOptimistic)) return [];
      const next = { record, working: [...working, { owner, process, request }], isLeft: false };
      return [{ state: next, ...(isLeft && { shows: ["take-over"] as const }) }];
    }
    case "done":
      return record?.request === request && record.result === answer.result ? [{ state, shows: ["repeat"] }] : [];
    case "mismatch":
      return record !== undefined && record.request !== request ? [{ state }] : [];
    // A database may be busy with another key: nothing has happened, and it is asked again.
    case "in-progress":
      return [{ state }];
    default:
      return [];
  }
}

function afterEnd(state: State, { answer, call, from }: Step<TransactionCall>, latest: number): After<State>[] {
  const { owner, keep = "rollback", result = "", endedAt = from } = call as EndCall;
  const ended = state.working.find((one) => one.owner === owner);
  const working = state.working.filter((one) => one !== ended);
  const left: After<State> = { state: { ...state, working, isLeft: state.isLeft || ended !== undefined } };
  const canCommit = keep !== "rollback" && ended !== undefined && state.record === undefined && latest >= endedAt;
  const committed: State = { record: { request: ended?.request ?? "", result }, working, isLeft: false };
  switch (answer?.said) {
    case "committed":
      return canCommit ? [{ state: committed }] : [];
    case "rolled back":
      return [{ state: { ...left.state, isLeft: state.isLeft } }];
    default:
      return [left, ...(canCommit ? [{ state: committed, shows: ["lost acknowledgement"] as const }] : [])];
  }
}

/** The end of a transaction, which may have come before its process knew. */
type EndCall = TransactionCall & {
  /** When its work had ended: no commit was asked for before. */ readonly endedAt?: number;
};

/**
 * The calls of one key with an end for each transaction: those of dead processes are rolled back some time, and those that lost their
 * connection were so before their work has ended.
 */
export function withEnds(steps: readonly Step<TransactionCall>[]): Step<TransactionCall>[] {
  const ends = new Map(steps.flatMap((step) => (step.call.call === "end" ? [[step.call.owner, step] as const] : [])));
  return steps.flatMap((step): Step<TransactionCall>[] => {
    // A begin without an answer changes nothing that others see.
    if (step.call.call === "end" || (step.call.call === "begin" && step.answer === undefined)) return [];
    if (step.call.call !== "begin" || step.answer?.said !== "granted") return [step];
    const end = ends.get(step.call.owner);
    if (end === undefined) return [step, leftOpen(step)];
    if (end.answer?.said === "committed") return [step, end];
    const call: EndCall = { ...end.call, endedAt: end.from };
    return [step, { ...end, call, from: step.from }];
  });
}

function leftOpen(begun: Step<TransactionCall>): Step<TransactionCall> {
  const call: TransactionCall = { ...begun.call, call: "end", keep: "rollback" };
  return {
    ...begun,
    id: `${begun.id}, its end`,
    call,
    answer: undefined,
    isHeard: false,
    to: Number.POSITIVE_INFINITY,
    place: begun.place + 0.5,
  };
}
