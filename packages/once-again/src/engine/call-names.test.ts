import { describe, expect, test } from "vitest";
import { callNames, type KeyTreatment, type OutgoingCall, type RecordedCall, type RunFacts } from "./call-names.ts";

const origin = "https://api.example.com";
const charge: OutgoingCall = { method: "POST", origin, path: "/charges", query: "", hash: "five" };
const group = `POST ${origin}/charges`;

const run = (treatment: KeyTreatment, more: Partial<RunFacts> = {}) =>
  callNames({ isRerun: false, recorded: [], records: true, treatment: () => treatment, ...more });
const recordedCall = (number: number | undefined, hash: string | undefined): RecordedCall => ({
  origin,
  group,
  number,
  hash,
});

describe("at a service that compares", () => {
  test("calls one after another are numbered, whatever their bodies, and nothing is written down", () => {
    const names = run("compares");
    for (const [number, hash] of [
      [1, "five"],
      [2, "five"],
      [3, undefined],
    ] as const) {
      const decision = names.decide({ ...charge, hash });
      expect(decision).toEqual({ kind: "named", call: { origin, group, number, hash }, record: undefined });
      if (decision.kind === "named") names.end(decision.call, "answered");
    }
    expect(names.mustHold()).toBe(false);
  });

  test("a call beside another one writes both down", () => {
    const names = run("compares");
    names.decide(charge);
    expect(names.decide({ ...charge, hash: "eight" })).toEqual({
      kind: "named",
      call: recordedCall(2, "eight"),
      record: [recordedCall(2, "eight"), recordedCall(1, "five")],
    });
  });

  test("a call waits for one beside it in a second run, and where nothing can be written down", () => {
    for (const names of [run("compares", { isRerun: true }), run("compares", { records: false })]) {
      const first = names.decide(charge);
      expect(names.decide(charge)).toEqual({ kind: "wait" });
      if (first.kind === "named") names.end(first.call, "answered");
      expect(names.decide(charge)).toMatchObject({ kind: "named", call: { number: 2 } });
    }
  });

  test("a call after one without a response is undecided in a second run", () => {
    const names = run("compares", { isRerun: true });
    const first = names.decide(charge);
    if (first.kind === "named") names.end(first.call, "unanswered");
    expect(names.decide(charge)).toEqual({ kind: "undecided" });
  });

  test("a second run writes down no group that it does not know whole", () => {
    const names = run("compares", { isRerun: true });
    names.decide(charge);
    expect(names.decide({ ...charge, path: "/mails", query: "?dry=no" })).toMatchObject({
      record: [{ group: `POST ${origin}/mails?` }],
    });
  });

  test("a refusal holds the operation, and nothing more leaves", () => {
    const names = run("compares", { isRerun: true });
    const first = names.decide(charge);
    if (first.kind === "named") names.end(first.call, "refused");
    expect(names.mustHold()).toBe(true);
    expect(names.decide({ ...charge, origin: "https://other.example.com" })).toEqual({ kind: "undecided" });
  });

  test("a call with a query is written down, since a service may compare bodies alone", () => {
    expect(run("compares").decide({ ...charge, query: "?dry=no" })).toMatchObject({
      kind: "named",
      call: { group: `${group}?` },
      record: [{ number: 1 }],
    });
  });
});

describe("at a service that replays", () => {
  test("equal calls are as many calls, and each is written down before it leaves", () => {
    const names = run("replays");
    expect(names.decide(charge)).toMatchObject({ call: { number: 1 }, record: [{ number: 1 }] });
    expect(names.decide(charge)).toMatchObject({ call: { number: 2 }, record: [{ number: 1 }, { number: 2 }] });
  });

  test("a second run finds its calls by what they say, in any order", () => {
    const names = run("replays", { isRerun: true, recorded: [recordedCall(1, "five"), recordedCall(2, "eight")] });
    expect(names.decide({ ...charge, hash: "eight" })).toMatchObject({ call: { number: 2 }, record: undefined });
    expect(names.decide(charge)).toMatchObject({ call: { number: 1 }, record: undefined });
    expect(names.decide(charge)).toMatchObject({ kind: "named", call: { number: 3 } });
    expect(names.mustHold()).toBe(false);
  });

  test("another call is undecided while a recorded one has not come", () => {
    const names = run("replays", { isRerun: true, recorded: [recordedCall(1, "five")] });
    expect(names.decide({ ...charge, hash: "eight" })).toEqual({ kind: "undecided" });
  });

  test("a recorded call that does not come holds the operation", () => {
    expect(run("replays", { isRerun: true, recorded: [recordedCall(1, "five")] }).mustHold()).toBe(true);
  });

  test("a stream gets no key, and says so", () => {
    expect(run("replays").decide({ ...charge, hash: undefined })).toMatchObject({ kind: "keyless", why: "streamed" });
    expect(run("replays", { records: false }).decide(charge)).toMatchObject({ kind: "keyless", why: "not-recorded" });
  });
});

test("after a call without a key, a second run calls nothing", () => {
  expect(run("ignores").decide(charge)).toMatchObject({ kind: "keyless", why: "ignored", record: [{ hash: "five" }] });
  const names = run("replays", { isRerun: true, recorded: [recordedCall(undefined, "five")] });
  expect(names.decide({ ...charge, origin: "https://other.example.com" })).toEqual({ kind: "undecided" });
});
