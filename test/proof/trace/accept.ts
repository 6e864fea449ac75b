import type { KeyRecord } from "../../../packages/once-again/src/stores/store.ts";
import { type Operation, transition } from "../../../packages/once-again/src/stores/transition.ts";
import type { TracedAnswer, TracedCall, TraceLine } from "./trace-step.ts";

/** The things that a trace has to show, or it proves nothing. */
export const necessary = ["take-over", "repeat", "lost acknowledgement"] as const;
export type Shown = (typeof necessary)[number];

/** The verdict on a trace. */
export interface Acceptance {
  readonly calls: number;
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

/** A call with all that its trace says of it. */
interface Step {
  readonly id: string;
  readonly call: TracedCall;
  /** The answer; `undefined`: it has none, and may have been executed at any time from its begin on, or never. */
  readonly answer: TracedAnswer | undefined;
  readonly isHeard: boolean;
  /** When the store can have executed it. */
  readonly from: number;
  readonly to: number;
  /** Its place in the trace, which is the order of those that were executed at one time. */
  readonly place: number;
}

/** A record, and between which times its lease and its retention end. */
interface State {
  readonly record: KeyRecord | undefined;
  readonly lease: readonly [number, number];
  readonly expires: number;
  /** No call was executed before. */
  readonly since: number;
}

/** Where every lease ends in the records here, and how long every retention is: what is over is so by the times of the trace. */
const [leaseEnd, longMs] = [1e12, 1e12];

const nothing: State = { record: undefined, lease: [0, 0], expires: Number.POSITIVE_INFINITY, since: 0 };

/** How many states of one key are tried. More are no verdict, and refused. */
const triesMax = 200_000;

/** Other clocks than the store's are off by so much, milliseconds: those of processes, and fractions. */
const slackMs = 2;

/**
 * Holds every call of a trace against the rules of a key (spec/key.md), which are `transition`: an answer is accepted if some order and time of the calls,
 * as far as the trace leaves them open, explains it and all others of its key.
 *
 * @throws Error for a line that is no line of a trace.
 */
export function acceptTrace(lines: Iterable<TraceLine>): Acceptance {
  const steps = stepsOf(lines);
  const refused: Acceptance["refused"][number][] = [];
  const shown = { "take-over": 0, repeat: 0, "lost acknowledgement": 0 };
  for (const ofKey of steps.values()) {
    const found = explain(ofKey);
    const { scope, key } = ofKey[0]!.call;
    if ("stuckAt" in found) {
      const { id, call, answer } = found.stuckAt;
      refused.push({
        scope,
        key,
        call: id,
        why: `${call.call} of ${call.owner}: ${JSON.stringify(answer)}. ${found.why}`,
      });
      continue;
    }
    for (const { answer, isHeard } of found.executed) {
      if (answer?.said === "acquired" && answer.attempt! > 1) shown["take-over"] += 1;
      if (answer?.said === "abandoned") shown["take-over"] += 1;
      if (answer?.said === "done") shown.repeat += 1;
      if (!isHeard) shown["lost acknowledgement"] += 1;
    }
  }
  return { calls: [...steps.values()].flat().length, keys: steps.size, refused, shown };
}

/** The calls of each key, with their answers, in the order in which they begin. */
function stepsOf(lines: Iterable<TraceLine>): Map<string, Step[]> {
  const steps = new Map<string, Step>();
  let place = 0;
  for (const line of lines) {
    place += 1;
    if ("executedAt" in line) {
      const { executedAt: at, answer, isHeard } = line;
      steps.set(line.id, { id: line.id, call: line, answer, isHeard, from: at, to: at, place });
    } else if ("at" in line) {
      const { id, at: from } = line;
      if (steps.has(id)) throw new Error(`The call ${id} begins twice.`);
      steps.set(id, { id, call: line, answer: undefined, isHeard: false, from, to: Number.POSITIVE_INFINITY, place });
    } else {
      const begun = steps.get(line.id);
      if (begun === undefined || begun.answer !== undefined)
        throw new Error(`The call ${line.id} is answered, and not under way.`);
      const { answeredAt: to, id: _id, ...answer } = line;
      steps.set(line.id, { ...begun, answer, isHeard: true, to });
    }
  }
  const byKey = new Map<string, Step[]>();
  for (const step of steps.values()) {
    const name = JSON.stringify([step.call.scope, step.call.key]);
    const ofKey = byKey.get(name);
    if (ofKey === undefined) byKey.set(name, [step]);
    else ofKey.push(step);
  }
  return byKey;
}

type Explained = { readonly executed: readonly Step[] } | { readonly stuckAt: Step; readonly why: string };

/** Looks for an order and times of the calls that the rules allow. */
function explain(steps: readonly Step[]): Explained {
  const seen = new Set<string>();
  let tries = 0;
  let furthest = { left: steps, executed: 0 };
  const search = (state: State, left: readonly Step[], executed: readonly Step[]): readonly Step[] | undefined => {
    // A call without an answer need not have been executed.
    if (left.every(({ answer }) => answer === undefined)) return executed;
    if ((tries += 1) > triesMax) return undefined;
    const id = JSON.stringify([state, left.map(({ place }) => place)]);
    if (seen.has(id)) return undefined;
    seen.add(id);
    if (executed.length > furthest.executed) furthest = { left, executed: executed.length };
    for (const step of nextOf(left))
      for (const next of statesAfter(state, step)) {
        const rest = left.filter((other) => other !== step);
        const found = search(next, rest, [...executed, step]);
        if (found !== undefined) return found;
      }
    return undefined;
  };
  const found = search(nothing, steps, []);
  if (found !== undefined) return { executed: found };
  const stuckAt = nextOf(furthest.left)[0]!;
  return { stuckAt, why: tries > triesMax ? "Too many orders to try." : "No order of the calls explains it." };
}

/** The calls that can be executed next: none of the others has ended before they begin. Those with an answer come first. */
function nextOf(left: readonly Step[]): readonly Step[] {
  const firstEnd = Math.min(...left.map(({ to }) => to));
  const isExact = (step: Step): boolean => step.from === step.to;
  const exact = left.filter((step) => isExact(step) && step.to === firstEnd);
  if (exact.length > 0 && left.every(isExact)) return exact.slice(0, 1);
  return left.filter(({ from }) => from <= firstEnd).sort((one, other) => one.to - other.to || one.place - other.place);
}

/** The states after a call, of which its answer may be true. None: the rules don't allow it. */
function statesAfter(state: State, step: Step): State[] {
  const { call, answer, from, to } = step;
  const { record, lease, expires } = state;
  const earliest = Math.max(state.since, from);
  const takeOverAfterMs = call.takeOverAfterMs ?? Number.POSITIVE_INFINITY;
  // A lease that is alive, over, or over for as long as a take-over waits: whatever the time allows.
  const times: { readonly now: number; readonly isPossible: boolean }[] = [
    { now: leaseEnd - 1, isPossible: earliest < lease[1] + slackMs },
    {
      now: leaseEnd,
      isPossible:
        to + slackMs >= lease[0] && (takeOverAfterMs === 0 || earliest < lease[1] + takeOverAfterMs + slackMs),
    },
    {
      now: leaseEnd + takeOverAfterMs,
      isPossible: takeOverAfterMs > 0 && Number.isFinite(takeOverAfterMs) && to + slackMs >= lease[0] + takeOverAfterMs,
    },
  ];
  const isRunning = record?.state === "running";
  const records = record?.state === "done" && to + slackMs >= expires ? [record, undefined] : [record];
  const states: State[] = [];
  for (const before of records)
    for (const { now, isPossible } of isRunning ? times : [{ now: leaseEnd, isPossible: true }]) {
      if (!isPossible) continue;
      const decided = transition(before, operationOf(call), now);
      if (answer !== undefined && !agrees(answer, decided.answer, before, call)) continue;
      states.push(stateAfter(state, step, before, decided.record, now));
    }
  return states;
}

function operationOf({
  call,
  scope,
  key,
  owner,
  request = "",
  leaseMs = 1,
  takeOverAfterMs,
  result = "",
}: TracedCall): Operation {
  const owned = { scope, key, owner };
  const retentionMs = longMs;
  switch (call) {
    case "claim":
      return { kind: "claim", ...owned, fingerprint: request, leaseMs, retentionMs, takeOverAfterMs };
    case "complete":
      return { kind: "complete", ...owned, result: Buffer.from(result), retentionMs };
    case "renew":
      return { kind: "renew", ...owned, leaseMs };
    case "release":
      return { kind: "release", ...owned };
  }
}

/** Whether a store's answer is that of the rules. A fence is compared with the one before: another clock drew it. */
function agrees(
  { said, attempt, fence, result }: TracedAnswer,
  expected: ReturnType<typeof transition>["answer"],
  before: KeyRecord | undefined,
  { owner }: TracedCall,
): boolean {
  if (typeof expected === "boolean") return said === (expected ? "yes" : "no");
  if (said !== expected.kind) return false;
  if (expected.kind === "done") return result === Buffer.from(expected.result).toString();
  if (expected.kind !== "acquired") return true;
  if (attempt !== expected.attempt) return false;
  if (before === undefined) return true;
  return before.owner === owner ? fence === before.fence : fence! > before.fence;
}

/** The state after a call, with the times between which its lease ends. */
function stateAfter(
  state: State,
  { call, answer, from, to }: Step,
  before: KeyRecord | undefined,
  after: KeyRecord | undefined,
  now: number,
): State {
  const earliest = Math.max(
    state.since,
    from,
    now >= leaseEnd && before?.state === "running" ? state.lease[0] - slackMs : 0,
  );
  const since = Math.min(earliest, to);
  if (after === undefined) return { ...nothing, since };
  // The record is the same, or was given up at once, or has a new lease from a moment between the two times.
  const hasLease = after !== before && (call.call === "claim" || call.call === "renew");
  const lease: State["lease"] = hasLease
    ? [since + (call.leaseMs ?? 0), to + (call.leaseMs ?? 0)]
    : call.call === "release" && after.leaseUntil === now
      ? [since, to]
      : state.lease;
  const expires = after.state === "done" && before?.state !== "done" ? since + (call.retentionMs ?? 0) : state.expires;
  const fence = answer?.fence ?? after.fence;
  return {
    record: { ...after, leaseUntil: leaseEnd, createdAt: 0, expiresAt: Number.POSITIVE_INFINITY, fence },
    lease,
    expires,
    since,
  };
}

/** The things that a trace does not show, and has to. */
export const missingIn = ({ shown }: Acceptance): Shown[] => necessary.filter((one) => shown[one] === 0);

/** A refusal as a sentence. */
export const refusalText = ({ scope, key, call, why }: Acceptance["refused"][number]): string =>
  `The call ${call} under the key ${key} of ${scope}: ${why}`;

/** The reasons for which a trace is not accepted, each in a sentence; empty: it is. */
export function traceFailures(accepted: Acceptance): string[] {
  return [
    ...accepted.refused.map(refusalText),
    ...missingIn(accepted).map((one) => `The trace shows no ${one}, so it proves too little.`),
  ];
}
