import { describe, expect, test } from "vitest";
import type { KeyRecord } from "./store.ts";
import { inspectRecord, type Operation, recordProblem, transition, unreadableRecord } from "./transition.ts";

const name = { scope: "acme", key: "order-7" };
const result = Uint8Array.of(1);
const running: KeyRecord = {
  state: "running",
  fingerprint: "f",
  owner: "me",
  attempt: 2,
  fence: 50,
  leaseUntil: 200,
  checkpoints: {},
  createdAt: 0,
  expiresAt: 1000,
};

const operations: readonly Operation[] = [
  { kind: "claim", ...name, fingerprint: "f", owner: "me", leaseMs: 10, retentionMs: 10 },
  { kind: "complete", ...name, owner: "me", result, retentionMs: 10 },
  { kind: "renew", ...name, owner: "me", leaseMs: 10 },
  { kind: "release", ...name, owner: "me" },
  { kind: "checkpoint", ...name, owner: "me", step: "charge", result },
  { kind: "resolve", ...name, settlement: { as: "done", result, retentionMs: 10 } },
];

test("a record that a store may have written has no problem", () => {
  expect(recordProblem(running)).toBeUndefined();
  expect(recordProblem({ ...running, expiresAt: Number.POSITIVE_INFINITY })).toBeUndefined();
  expect(recordProblem({ ...running, state: "done", result })).toBeUndefined();
});

describe.for<[what: string, record: KeyRecord, problem: string]>([
  ["without an attempt", { ...running, attempt: 0 }, "attempt is 0"],
  ["with half an attempt", { ...running, attempt: 1.5 }, "attempt is 1.5"],
  ["in an unknown state", { ...running, state: "held" as "done" }, "state is held"],
  ["with a fence that is no number", { ...running, fence: Number.NaN }, "times is not a time"],
  ["that expires before it was made", { ...running, expiresAt: -1 }, "expires before"],
  ["that is done without a result", { ...running, state: "done" }, "has no result"],
  ["that runs with a result", { ...running, result }, "has a result"],
  ["that can't be read", unreadableRecord, "can't be read"],
])("a record %s", ([, record, problem]) => {
  test.for(operations)("is no answer to $kind, whenever it is asked for", (operation) => {
    for (const now of [100, 500, 5000]) {
      const ask = (): unknown => transition(record, operation, now);
      expect(ask).toThrow(
        expect.objectContaining({ code: "ONCE_RECORD_BROKEN", message: expect.stringContaining(problem) }),
      );
    }
  });

  test("is shown as broken, with what is wrong, and released as not executed", () => {
    const found = inspectRecord(name, record, 100);
    expect(found).toMatchObject({ ...name, state: "broken", problem: expect.stringContaining(problem) });
    const { createdAt, leaseUntil, expiresAt } = found.record;
    expect(() => new Date(createdAt + leaseUntil).toISOString()).not.toThrow();
    expect(expiresAt).not.toBeNaN();
    const release: Operation = { kind: "resolve", ...name, settlement: { as: "not-executed" } };
    expect(transition(record, release, 100)).toEqual({ record: undefined, answer: true });
  });
});

test("nothing is written that would be broken", () => {
  for (const operation of [
    { ...operations[0]!, leaseMs: Number.NaN },
    { ...operations[1]!, result: undefined },
  ]) {
    expect(() => transition(running, operation as Operation, 100)).toThrow(
      expect.objectContaining({ code: "ONCE_RECORD_BROKEN", message: expect.stringContaining("would be written") }),
    );
  }
});
