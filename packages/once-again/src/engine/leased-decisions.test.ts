import { expect, test } from "vitest";
import type { InspectedRecord } from "../stores/store.ts";
import type { WorkResult } from "./engine.ts";
import { mustStop, outcomeOfLoser, outcomeOfOwner, settlementOf, settlementOfUnknown } from "./leased-decisions.ts";

const result = Uint8Array.of(1);
const holds = { hadEffects: false, takeOverAfterMs: undefined };
const reruns = { hadEffects: false, takeOverAfterMs: 0 };
const waits = { hadEffects: false, takeOverAfterMs: 500 };

test.for([
  ["done", holds, "complete"],
  ["refused", reruns, "complete"],
  ["unknown", holds, "complete"],
  ["unknown", reruns, "abandon"],
  ["unknown", waits, "expire"],
  ["held", holds, "abandon"],
  ["held", reruns, "abandon"],
  ["held", waits, "expire"],
  ["none", waits, "release"],
  ["none", { ...waits, hadEffects: true }, "abandon"],
] as const)("an attempt with effect %s and the policy %o ends by %s", ([effect, policy, settlement]) => {
  expect(settlementOf(effect, policy)).toBe(settlement);
});

test("an attempt that threw has its lease run out where its worker is given time to stop, and only there", () => {
  expect([holds, reruns, waits].map(settlementOfUnknown)).toEqual(["abandon", "abandon", "expire"]);
});

test("a handler goes on behind a success only", () => {
  const effects = ["done", "refused", "none", "unknown", "held"] as const;
  expect(effects.map(mustStop)).toEqual([false, true, true, true, true]);
});

test("an owner that had no effect says so only of an operation of which nothing happened before", () => {
  const none: WorkResult = { effect: "none", result };
  expect(outcomeOfOwner(none, holds)).toEqual({ kind: "executed", result });
  expect(outcomeOfOwner(none, { ...holds, hadEffects: true })).toEqual({ kind: "outcome-unknown" });
  expect(outcomeOfOwner(none, { ...reruns, hadEffects: true })).toEqual({ kind: "in-progress" });
});

const operation = { fingerprint: "f" };
const found = (state: InspectedRecord["state"], stored?: Uint8Array): InspectedRecord =>
  ({ scope: "s", key: "k", state, record: { fingerprint: "f", result: stored } }) as InspectedRecord;

test.for(["done", "refused", "unknown", "held"] as const)(
  "a late owner with effect %s does not know its outcome when the record is gone",
  (effect) => {
    expect(outcomeOfLoser(undefined, operation, { effect, result })).toEqual({ kind: "outcome-unknown" });
  },
);

test("a late owner without effect has released its record itself when it is gone", () => {
  expect(outcomeOfLoser(undefined, operation, { effect: "none", result })).toEqual({ kind: "executed", result });
});

test("a late owner answers by the record: the stored result, in-progress, or outcome-unknown", () => {
  const late: WorkResult = { effect: "done", result };
  const stored = Uint8Array.of(9);
  expect(outcomeOfLoser(found("done", stored), operation, late)).toEqual({ kind: "replayed", result: stored });
  expect(outcomeOfLoser(found("running"), operation, late)).toEqual({ kind: "in-progress" });
  expect(outcomeOfLoser(found("abandoned"), operation, late)).toEqual({ kind: "outcome-unknown" });
  expect(outcomeOfLoser(found("running"), { fingerprint: "g" }, late)).toEqual({ kind: "mismatch" });
});
