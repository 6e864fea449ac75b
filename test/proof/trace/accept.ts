import { appendFileSync, readFileSync } from "node:fs";
import { append, readLines } from "../crash/evidence.ts";
import { explain, necessary, type Shown, type Step } from "./explain.ts";
import { keyRules } from "./key-rules.ts";
import { outboxGroups, outboxRules } from "./outbox-rules.ts";
import type { KeyCall, OutboxCall, TracedCall, TraceLine, TransactionCall } from "./trace-step.ts";
import { transactionRules, withEnds } from "./transaction-rules.ts";

/** The verdict on a trace. */
export interface Acceptance {
  readonly calls: number;
  /** How many keys, messages and ordering keys they were of. */
  readonly keys: number;
  /** The keys of which no order of the calls is one that the rules allow, with the call at which all orders end. */
  readonly refused: readonly {
    readonly scope: string;
    readonly key: string;
    readonly call: string;
    readonly why: string;
  }[];
  /** How often the trace shows each. */
  readonly shown: Readonly<Record<Shown, number>>;
}

/** Calls that have one state, and no other. */
interface Group {
  readonly scope: string;
  readonly key: string;
  explain(): ReturnType<typeof explain>;
}

/**
 * Holds every call of a trace against the rules of spec/: of a key, a transaction, an outbox, an inbox. An answer is accepted if some order and
 * time of the calls, as far as the trace leaves them open, explains it and all others of its group.
 *
 * @throws Error for a line that is no line of a trace.
 */
export function acceptTrace(lines: Iterable<TraceLine>): Acceptance {
  const steps = readSteps(lines);
  const groups = groupsOf(steps);
  const refused: Acceptance["refused"][number][] = [];
  const shown = { "take-over": 0, repeat: 0, "lost acknowledgement": 0 };
  for (const { scope, key, explain: explained } of groups) {
    const found = explained();
    if ("stuckAt" in found) {
      const { id, call, answer } = found.stuckAt;
      refused.push({ scope, key, call: id, why: `${callText(call)}: ${JSON.stringify(answer)}. ${found.why}` });
    } else for (const one of found.shows) shown[one] += 1;
  }
  return { calls: steps.length, keys: groups.length, refused, shown };
}

const callText = (call: TracedCall): string => {
  const who = "owner" in call ? ` of ${call.owner}` : "";
  return `${call.call}${who}`;
};

/** The calls of a trace, with their answers, in the order in which they begin. */
function readSteps(lines: Iterable<TraceLine>): Step[] {
  const steps = new Map<string, Step>();
  let place = 0;
  for (const line of lines) {
    place += 1;
    if ("executedAt" in line) {
      const { executedAt: at, answer, isHeard, process, id } = line;
      steps.set(id, { id, process, call: line, answer, isHeard, from: at, to: at, place });
    } else if ("at" in line) {
      const { id, at: from, process } = line;
      if (steps.has(id)) throw new Error(`The call ${id} begins twice.`);
      const to = Number.POSITIVE_INFINITY;
      steps.set(id, { id, process, call: line, answer: undefined, isHeard: false, from, to, place });
    } else {
      const begun = steps.get(line.id);
      if (begun === undefined || begun.answer !== undefined)
        throw new Error(`The call ${line.id} is answered, and not under way.`);
      const { answeredAt: to, id: _id, ...answer } = line;
      steps.set(line.id, { ...begun, answer, isHeard: true, to });
    }
  }
  return [...steps.values()];
}

/** The calls in groups, each with its rules. */
function groupsOf(steps: readonly Step[]): Group[] {
  const [ofKeys, ofTransactions, ofOutbox]: [Step<KeyCall>[], Step<TransactionCall>[], Step<OutboxCall>[]] = [
    [],
    [],
    [],
  ];
  for (const step of steps) {
    if (isOf(step, keyCalls)) ofKeys.push(step as Step<KeyCall>);
    else if (isOf(step, outboxCalls)) ofOutbox.push(step as Step<OutboxCall>);
    else ofTransactions.push(step as Step<TransactionCall>);
  }
  return [
    ...namedGroups(ofKeys, (own) => explain(own, keyRules)),
    ...namedGroups(ofTransactions, (own) => explain(withEnds(own), transactionRules)),
    ...Array.from(outboxGroups(ofOutbox), ([key, own]) => ({
      scope: "the outbox",
      key,
      explain: () => explain(own, outboxRules(own, ofOutbox)),
    })),
  ];
}

const keyCalls: ReadonlySet<string> = new Set(["claim", "complete", "renew", "release"] satisfies KeyCall["call"][]);
const outboxCalls: ReadonlySet<string> = new Set([
  "add",
  "claim messages",
  "publish",
  "confirmed",
  "return",
  "remove",
  "crash",
] satisfies OutboxCall["call"][]);
const isOf = ({ call }: Step, calls: ReadonlySet<string>): boolean => calls.has(call.call);

function namedGroups<Call extends KeyCall | TransactionCall>(
  steps: readonly Step<Call>[],
  explained: (steps: readonly Step<Call>[]) => ReturnType<typeof explain>,
): Group[] {
  const groups = Map.groupBy(steps, ({ call }) => JSON.stringify([call.scope, call.key]));
  return Array.from(groups.values(), (own) => {
    const { scope, key } = own[0]!.call;
    return { scope, key, explain: () => explained(own) };
  });
}

/** Adds the trace that processes wrote to a file, and holds it against the rules. @param more lines that none of them wrote. */
export function acceptedTrace(from: string, to: string, more: readonly TraceLine[] = []): Acceptance {
  for (const line of more) append(from, line);
  appendFileSync(to, readFileSync(from));
  return acceptTrace(readLines<TraceLine>(from));
}

/** The things that a trace does not show, and has to. */
export const missingIn = ({ shown }: Acceptance): Shown[] => necessary.filter((one) => shown[one] === 0);

/** How many refusals are said one by one. */
const refusalsMax = 10;

/** The refusals, each in a sentence. */
export function refusalTexts({ refused }: Pick<Acceptance, "refused">): string[] {
  const texts = refused
    .slice(0, refusalsMax)
    .map(({ scope, key, call, why }) => `The call ${call} under the key ${key} of ${scope}: ${why}`);
  return refused.length > refusalsMax ? [...texts, `and ${refused.length - refusalsMax} more such calls`] : texts;
}

/** The reasons for which a trace is not accepted, each in a sentence; empty: it is. */
export function traceFailures(accepted: Acceptance): string[] {
  return [
    ...refusalTexts(accepted),
    ...missingIn(accepted).map((one) => `The trace shows no ${one}, so it proves too little.`),
  ];
}
