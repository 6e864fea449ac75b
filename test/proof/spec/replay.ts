import type { KeyRecord } from "../../../packages/once-again/src/stores/store.ts";
import { type Operation, transition } from "../../../packages/once-again/src/stores/transition.ts";
import { sqliteRules } from "../explorer/messages/outbox-rules.ts";
import type { OutboxRow } from "../explorer/messages/world.ts";

/** The result of replaying a model's steps on production code: how many calls, and where the two differ. */
export interface Replayed {
  readonly calls: number;
  readonly differences: readonly string[];
}

/** The lease and the retention of every claim; the second is longer than any path. */
const [leaseMs, retentionMs] = [1000, 1_000_000_000];

/** How a model of a key numbers what it asks for and what it is answered. */
const [claim, complete, release, renew, tick] = [1, 5, 6, 8, 9];
const claimAnswers = ["", "acquired", "done", "mismatch", "in-progress", "abandoned"];

interface At {
  readonly record: KeyRecord | undefined;
  readonly now: number;
}

/** The record part of a key's state, as the models write it. */
function recordText({ record, now }: At): string {
  if (record === undefined) return "0,0,0,0,0,0";
  const isRunning = record.state === "running";
  const alive = Number(isRunning && record.leaseUntil > now);
  const request = Number(record.fingerprint);
  return [
    isRunning ? 1 : 2,
    Number(record.owner),
    request,
    alive,
    Number(record.attempt > 1),
    record.result?.[0] ?? 0,
  ].join();
}

/**
 * Replays every path of key.pml: each call is executed by `transition` on the record that the calls before it left, and both have to
 * come to the same record and answer.
 */
export function replayKeySteps(steps: Iterable<string>, definitions: readonly string[]): Replayed {
  const deliveries = Number(definitions.find((one) => one.startsWith("N="))?.slice(2) ?? 2);
  const requestOf = (owner: number): string =>
    definitions.includes("TWO_REQUESTS") && owner === deliveries ? "2" : "1";
  const takeOverAfterMs = definitions.includes("RERUN") ? 0 : undefined;
  const from = new Map<string, { to: string; call: readonly number[] }[]>();
  for (const step of steps) {
    const [before, after, call] = step.split(/ > | \| /) as [string, string, string];
    from.set(before, [...(from.get(before) ?? []), { to: after, call: call.split(",").map(Number) }]);
  }
  const execute = ({ record, now }: At, [what, owner, result]: readonly number[]): At & { answer: number } => {
    if (what === 0) return { record, now, answer: 0 };
    if (what === tick) return { record, now: record!.leaseUntil, answer: 0 };
    const owned = { scope: "s", key: "k", owner: String(owner) };
    const operation: Operation =
      what === claim
        ? { kind: "claim", ...owned, fingerprint: requestOf(owner!), leaseMs, retentionMs, takeOverAfterMs }
        : what === complete
          ? { kind: "complete", ...owned, result: Uint8Array.of(result!), retentionMs }
          : what === release
            ? { kind: "release", ...owned }
            : { kind: "renew", ...owned, leaseMs: what === renew ? leaseMs : 0 };
    const decided = transition(record, operation, now);
    const answer =
      typeof decided.answer === "boolean" ? Number(decided.answer) : claimAnswers.indexOf(decided.answer.kind);
    return { record: decided.record, now, answer };
  };
  const differences: string[] = [];
  let calls = 0;
  const first = [...from.keys()].find((state) => /^0,0,0,0,0,0(;0,0,0,0,0,0)*;0,0,0;0,0$/.test(state))!;
  const reached = new Map<string, At>([[first, { record: undefined, now: 0 }]]);
  for (const [state, at] of reached) {
    for (const { to, call } of from.get(state) ?? []) {
      const next = execute(at, call);
      if (call[0] !== 0) calls += 1;
      const isSame =
        recordText(next) === to.split(";")[0] && (call[0] === tick || call[0] === 0 || next.answer === call[3]);
      if (!isSame) differences.push(`${state} > ${to} | ${call.join()}: ${recordText(next)}, answered ${next.answer}`);
      if (!reached.has(to)) reached.set(to, next);
    }
  }
  for (const state of from.keys()) if (!reached.has(state)) differences.push(`${state} is on no path.`);
  return { calls, differences };
}

/** Replays every change of the table in outbox.pml on the statements of the outbox in SQLite. */
export function replayOutboxSteps(steps: Iterable<string>, definitions: readonly string[]): Replayed {
  const rules = sqliteRules();
  const key = definitions.includes("KEYLESS") ? null : "k";
  const read = (text: string): OutboxRow[] =>
    text
      .split(";")
      .filter((row) => row !== "")
      .map((row): OutboxRow => {
        const [position, message, owner, due, refusals, parked] = row.split(",").map(Number) as [number, ...number[]];
        const holder = owner === 0 ? null : String(owner);
        const [isDue, isParked] = [due === 1, parked === 1];
        return {
          position,
          message: message!,
          key,
          passedKey: null,
          owner: holder,
          isDue,
          refusals: refusals!,
          isParked,
        };
      })
      .sort((one, other) => one.position - other.position);
  const differences: string[] = [];
  let calls = 0;
  for (const step of steps) {
    const [, what, argument, before, after] = /^(\w+) ([\d,]+): (.*) > (.*)$/.exec(step)!;
    const [rows, expected] = [read(before!), read(after!)];
    calls += 1;
    const ask = (): readonly OutboxRow[] => {
      if (what === "claim") return onlyChanged(rows, rules.claim(rows, argument!, 0).rows, expected);
      const positionOf = (message: number): string =>
        String(rows.find((row) => row.message === message)?.position ?? 999);
      if (what === "confirm") {
        const gone = [0, 1].filter((message) => argument![message] === "1");
        return rules.confirm(rows, gone.map(positionOf));
      }
      const [message, owner, refusals, park] = argument!.split(",").map(Number) as [number, ...number[]];
      return rules.postpone(rows, [
        {
          position: positionOf(message),
          owner: String(owner),
          delayMs: 1,
          ...(refusals! > 0 && { refusal: "no", refusals }),
          ...(park === 1 && { park: "block" as const }),
        },
      ]);
    };
    const found = ask().map((row) => (row.isParked ? { ...row, isDue: false } : row));
    const wanted = expected.map((row) => (row.isParked ? { ...row, isDue: false } : row));
    if (JSON.stringify(found) !== JSON.stringify(wanted)) differences.push(`${step}: ${JSON.stringify(found)}`);
  }
  return { calls, differences };
}

/** Without a key, a claim takes all free rows; the model's takes one at a time. */
function onlyChanged(
  before: readonly OutboxRow[],
  after: readonly OutboxRow[],
  expected: readonly OutboxRow[],
): readonly OutboxRow[] {
  return after.map((row, at) => (JSON.stringify(expected[at]) === JSON.stringify(before[at]) ? before[at]! : row));
}
