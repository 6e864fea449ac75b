import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../core/random.ts";
import { randomSteps, type Step } from "../../../testing/src/store-contract/random-steps.ts";
import type { ClaimRequest, KeyRecord } from "./store.ts";
import { inspectRecord, isExpired, type Operation, transition } from "./transition.ts";

const name = { scope: "acme", key: "order-7" };
const leaseMs = 100;
const retentionMs = 1000;
const result = Uint8Array.of(1, 2, 3);

const claim = (owner: string, more: Partial<ClaimRequest> = {}): { kind: "claim" } & ClaimRequest => ({
  kind: "claim",
  ...name,
  fingerprint: "f",
  owner,
  leaseMs,
  retentionMs,
  ...more,
});
const complete = (owner: string): Operation => ({ kind: "complete", ...name, owner, result, retentionMs });
const renew = (owner: string, leaseMs: number): Operation => ({ kind: "renew", ...name, owner, leaseMs });
const release = (owner: string): Operation => ({ kind: "release", ...name, owner });
const checkpoint = (owner: string, step: string): Operation => ({ kind: "checkpoint", ...name, owner, step, result });
const settleDone: Operation = { kind: "resolve", ...name, settlement: { as: "done", result, retentionMs } };
const settleNotExecuted: Operation = { kind: "resolve", ...name, settlement: { as: "not-executed" } };

/** The record after operations, each given with its time, from none. */
const after = (...steps: [now: number, operation: Operation][]): KeyRecord | undefined =>
  steps.reduce<KeyRecord | undefined>(
    (record, [now, operation]) => transition(record, operation, now).record,
    undefined,
  );

const running = after([0, claim("a")])!;
const abandoned = running;
const done = after([0, claim("a")], [10, complete("a")])!;

describe("claim", () => {
  test("an absent key is acquired by its first attempt", () => {
    expect(transition(undefined, claim("a"), 5)).toEqual({
      record: {
        state: "running",
        fingerprint: "f",
        owner: "a",
        attempt: 1,
        fence: 5,
        leaseUntil: 105,
        checkpoints: {},
        createdAt: 5,
        expiresAt: Number.POSITIVE_INFINITY,
      },
      answer: { kind: "acquired", attempt: 1, fence: 5, abandoned: false, checkpoints: {} },
    });
  });

  test("just before the lease is over a key is in progress; at its end and after, it is abandoned", () => {
    expect(transition(running, claim("b"), 99).answer).toEqual({ kind: "in-progress", leaseMsLeft: 1 });
    expect(transition(running, claim("b", { takeOverAfterMs: 0 }), 99).answer.kind).toBe("in-progress");
    expect(transition(running, claim("b"), 100).answer).toMatchObject({ kind: "abandoned" });
    expect(transition(running, claim("b"), 1e12).answer).toMatchObject({ kind: "abandoned" });
  });

  test("an abandoned key is taken over only by who asks for that, with a higher fence", () => {
    const { record, answer } = transition(abandoned, claim("b", { takeOverAfterMs: 0 }), 100);
    expect(answer).toEqual({ kind: "acquired", attempt: 2, fence: 100, abandoned: true, checkpoints: {} });
    expect(record).toMatchObject({ owner: "b", attempt: 2, createdAt: 0, leaseUntil: 200, expiresAt: Infinity });
  });

  test("a take-over waits until the lease has been over for as long as its claim says", () => {
    const patient = claim("b", { takeOverAfterMs: 50 });
    expect(transition(abandoned, patient, 149)).toEqual({
      record: abandoned,
      answer: { kind: "abandoned", leaseOverMs: 49 },
    });
    expect(transition(abandoned, patient, 150).answer).toMatchObject({ kind: "acquired", attempt: 2 });
  });

  test("the fence grows at a take-over, even when the clock was set back", () => {
    const record = after([1000, claim("a")], [1000, renew("a", 0)])!;
    const { answer } = transition({ ...record, leaseUntil: 0 }, claim("b", { takeOverAfterMs: 0 }), 3);
    expect(answer).toMatchObject({ kind: "acquired", fence: 1001 });
  });

  test("a take-over is given the checkpoints", () => {
    const record = after([0, claim("a")], [1, checkpoint("a", "one")], [2, checkpoint("a", "__proto__")]);
    const { answer } = transition(record, claim("b", { takeOverAfterMs: 0 }), 100);
    expect(answer.kind === "acquired" && Object.keys(answer.checkpoints)).toEqual(["one", "__proto__"]);
  });

  test("an owner that asks again is acquired again: its acknowledgement was lost", () => {
    const again = transition(running, claim("a"), 50);
    expect(again.answer).toEqual(transition(undefined, claim("a"), 0).answer);
    expect(again.record).toMatchObject({ attempt: 1, leaseUntil: 150 });
    expect(transition(abandoned, claim("a"), 500).answer).toMatchObject({ kind: "acquired", attempt: 1 });
  });

  test("another request is a mismatch in every state, from every sender", () => {
    for (const [record, now] of [
      [running, 50],
      [abandoned, 500],
      [done, 500],
    ] as const) {
      for (const owner of ["a", "b"]) {
        const other = claim(owner, { fingerprint: "g", takeOverAfterMs: 0 });
        expect(transition(record, other, now)).toEqual({ record, answer: { kind: "mismatch" } });
      }
    }
  });

  test("a done key answers with its result, to its own owner too", () => {
    for (const owner of ["a", "b"]) {
      expect(transition(done, claim(owner), 500).answer).toEqual({ kind: "done", result });
    }
  });

  test("just before its expiry a key is known; at its expiry and after, it is new", () => {
    expect(done.expiresAt).toBe(1010);
    expect(transition(done, claim("b", { fingerprint: "g" }), 1009).answer).toEqual({ kind: "mismatch" });
    for (const now of [1010, 5000]) {
      const { record, answer } = transition(done, claim("b", { fingerprint: "g" }), now);
      expect(answer).toMatchObject({ kind: "acquired", attempt: 1, abandoned: false });
      expect(record?.createdAt).toBe(now);
    }
  });

  test("a key without a result never expires, unless its claim says how long it is held", () => {
    expect(isExpired(abandoned, Number.MAX_SAFE_INTEGER)).toBe(false);
    const forgetful = after([0, claim("a", { heldRetentionMs: 500 })])!;
    expect(transition(forgetful, claim("b"), 499).answer).toMatchObject({ kind: "abandoned" });
    expect(transition(forgetful, claim("b"), 500).answer).toMatchObject({ kind: "acquired", attempt: 1 });
  });

  test("a take-over never shortens how long a key is held", () => {
    const takeOver = claim("b", { takeOverAfterMs: 0, heldRetentionMs: 10 });
    expect(transition(abandoned, takeOver, 100).record?.expiresAt).toBe(Infinity);
    const forgetful = after([0, claim("a", { heldRetentionMs: 500 })])!;
    expect(transition(forgetful, takeOver, 100).record?.expiresAt).toBe(500);
    const patient = claim("b", { takeOverAfterMs: 0 });
    expect(transition(forgetful, patient, 100).record?.expiresAt).toBe(Infinity);
  });

  test("a running key does not expire under its owner", () => {
    const record = after([0, claim("a", { heldRetentionMs: 1000 })], [950, renew("a", leaseMs)])!;
    expect(isExpired(record, 1049)).toBe(false);
    expect(transition(record, claim("b"), 1049).answer.kind).toBe("in-progress");
    expect(transition(record, claim("b"), 1050).answer.kind).toBe("acquired");
    expect(transition(record, complete("a"), 1049)).toMatchObject({ answer: true, record: { expiresAt: 2049 } });
  });
});

describe("what only the owner may do", () => {
  test("a result is stored, counted from its completion, and a lost acknowledgement is given again", () => {
    expect(done).toMatchObject({ state: "done", result, expiresAt: 1010 });
    expect(transition(done, complete("a"), 20)).toEqual({ record: done, answer: true });
  });

  test("a stored answer expires although its lease was longer", () => {
    const done = after([0, { ...claim("a"), leaseMs: 5000 }], [10, complete("a")])!;
    expect(done.leaseUntil).toBeGreaterThan(done.expiresAt);
    expect(transition(done, claim("b"), done.expiresAt - 1).answer.kind).toBe("done");
    expect(transition(done, claim("b"), done.expiresAt).answer).toMatchObject({ kind: "acquired", attempt: 1 });
  });

  test("a lease that is over, but not taken over, can still be renewed and completed", () => {
    expect(transition(abandoned, renew("a", leaseMs), 500)).toMatchObject({
      answer: true,
      record: { leaseUntil: 600 },
    });
    expect(transition(abandoned, complete("a"), 500).answer).toBe(true);
  });

  test("renewing for 0 ms abandons at once", () => {
    const record = after([0, claim("a")], [10, renew("a", 0)])!;
    expect(inspectRecord(name, record, 10).state).toBe("abandoned");
    expect(transition(record, claim("b"), 10).answer).toMatchObject({ kind: "abandoned" });
  });

  test("a released key is new again", () => {
    expect(transition(running, release("a"), 50)).toEqual({ record: undefined, answer: true });
  });

  test("a release after a take-over ends the lease, if it has not ended before, and keeps the record", () => {
    const takenOver = after([0, claim("a")], [10, checkpoint("a", "s")], [100, claim("b", { takeOverAfterMs: 0 })])!;
    const released = transition(takenOver, release("b"), 150);
    expect(released).toEqual({ record: { ...takenOver, leaseUntil: 150 }, answer: true });
    expect(transition(released.record, release("b"), 160)).toEqual(released);
    expect(transition(released.record, claim("c"), 160).answer).toEqual({ kind: "abandoned", leaseOverMs: 10 });
  });

  test("a late owner changes nothing", () => {
    const takenOver = after([0, claim("a")], [100, claim("b", { takeOverAfterMs: 0 })])!;
    const settled = after([0, claim("a")], [100, settleDone])!;
    for (const record of [takenOver, settled, undefined]) {
      for (const operation of [complete("a"), renew("a", leaseMs), renew("a", 0), release("a"), checkpoint("a", "s")]) {
        expect(transition(record, operation, 150)).toEqual({ record, answer: false });
      }
    }
  });

  test("a done key is neither renewed, released nor given checkpoints", () => {
    for (const operation of [renew("a", leaseMs), renew("a", 0), release("a"), checkpoint("a", "s")]) {
      expect(transition(done, operation, 50)).toEqual({ record: done, answer: false });
    }
  });
});

describe("resolve", () => {
  test("settles an abandoned key as done, or as not executed", () => {
    const settled = transition(abandoned, settleDone, 100);
    const when = { expiresAt: 1100, settledAt: 100, settlementNote: new Uint8Array() };
    expect(settled).toMatchObject({ answer: true, record: { state: "done", result, owner: "", ...when } });
    expect(transition(settled.record, claim("b"), 150).answer).toEqual({ kind: "done", result });
    expect(transition(abandoned, settleNotExecuted, 100)).toEqual({ record: undefined, answer: true });
  });

  test("settles nothing that is running, done or absent", () => {
    for (const operation of [settleDone, settleNotExecuted]) {
      expect(transition(running, operation, 99)).toEqual({ record: running, answer: false });
      expect(transition(done, operation, 500)).toEqual({ record: done, answer: false });
      expect(transition(undefined, operation, 500)).toEqual({ record: undefined, answer: false });
      const forgetful = after([0, claim("a", { heldRetentionMs: 1000 })]);
      expect(transition(forgetful, operation, 1000)).toEqual({ record: undefined, answer: false });
    }
  });
});

/** Every record that a sequence of steps leads through, with what each step was and said. */
function history(steps: readonly Step[]) {
  let now = 0;
  let record: KeyRecord | undefined;
  return steps.flatMap((step) => {
    if (step.kind === "wait") {
      now += step.ms;
      return [];
    }
    const before = record;
    const moved = transition(before, step, now);
    record = moved.record;
    return [{ step, now, before, after: record, answer: moved.answer }];
  });
}

describe("laws, for any sequence of operations", () => {
  const steps = fc.string().map((seed) => randomSteps(seededRandom(seed), [name], 40));
  const law = (holds: (moment: ReturnType<typeof history>[number]) => void): void =>
    fc.assert(fc.property(steps, (steps) => history(steps).forEach(holds)));

  test("a known key never changes its request, nor a done one its answer", () => {
    law(({ before, after, now }) => {
      if (before === undefined || after === undefined || isExpired(before, now)) return;
      expect(after.fingerprint).toBe(before.fingerprint);
      if (before.state === "done") expect(after).toBe(before);
    });
  });

  test("a done key is gone only when it expired, a running one only by its owner, a person or expiry", () => {
    law(({ step, before, after, now }) => {
      if (before === undefined || after !== undefined || isExpired(before, now)) return;
      expect(before.state).toBe("running");
      if (step.kind === "release") expect([step.owner, before.attempt]).toEqual([before.owner, 1]);
      else expect(step.kind).toBe("resolve");
    });
  });

  test("what another than the owner does changes nothing, but a take-over of an abandoned key", () => {
    law(({ step, before, after, now }) => {
      if (before === undefined || isExpired(before, now) || step.kind === "resolve") return;
      if (step.owner === before.owner || after === before) return;
      expect(step).toMatchObject({ kind: "claim", fingerprint: before.fingerprint });
      const takeOverAfterMs = step.kind === "claim" ? step.takeOverAfterMs : undefined;
      expect(now - before.leaseUntil).toBeGreaterThanOrEqual(takeOverAfterMs ?? Infinity);
      expect(after?.attempt).toBe(before.attempt + 1);
      expect(after?.fence).toBeGreaterThan(before.fence);
    });
  });

  test("the same operation of one owner, repeated at once, says the same and changes nothing more", () => {
    law(({ step, now, after, answer }) => {
      if (step.kind === "release" || step.kind === "resolve") return;
      const repeated = transition(after, step, now);
      expect(repeated).toEqual({ record: after, answer });
    });
  });

  test("a record without an answer has no result, one with an answer has no open lease to take over", () => {
    law(({ after, answer }) => {
      if (after !== undefined) expect(after.result === undefined).toBe(after.state === "running");
      const acquired = typeof answer === "object" && answer.kind === "acquired";
      expect(acquired && after?.state !== "running").toBe(false);
    });
  });

  test("an operation that is refused returns the very record it was given", () => {
    law(({ before, after, answer, now }) => {
      const refused = answer === false || (typeof answer === "object" && answer.kind !== "acquired");
      const known = before !== undefined && !isExpired(before, now);
      expect(refused && known ? after : before).toBe(before);
    });
  });
});
