import type { KeyRecord } from "../../../packages/once-again/src/stores/store.ts";
import { type Operation, transition } from "../../../packages/once-again/src/stores/transition.ts";
import { type After, type Rules, type Shown, slackMs, type Step } from "./explain.ts";
import type { KeyCall, TracedAnswer } from "./trace-step.ts";

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

/** The rules of a leased key (spec/key.md), which are `transition`. */
export const keyRules: Rules<KeyCall, State> = { first: nothing, after: statesAfter };

function statesAfter(state: State, step: Step<KeyCall>): After<State>[] {
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
  const states: After<State>[] = [];
  for (const before of records)
    for (const { now, isPossible } of isRunning ? times : [{ now: leaseEnd, isPossible: true }]) {
      if (!isPossible) continue;
      const decided = transition(before, operationOf(call), now);
      if (answer !== undefined && !agrees(answer, decided.answer, before, call)) continue;
      states.push({ state: stateAfter(state, step, before, decided.record, now), shows: shownBy(step) });
    }
  return states;
}

function shownBy({ answer, isHeard }: Step<KeyCall>): Shown[] {
  const shows: Shown[] = isHeard ? [] : ["lost acknowledgement"];
  if ((answer?.said === "acquired" && answer.attempt! > 1) || answer?.said === "abandoned") shows.push("take-over");
  if (answer?.said === "done") shows.push("repeat");
  return shows;
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
}: KeyCall): Operation {
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
  { owner }: KeyCall,
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
  { call, answer, from, to }: Step<KeyCall>,
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
