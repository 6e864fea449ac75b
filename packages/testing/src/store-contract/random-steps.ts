import type { Random } from "once-again";
import type { Operation, RecordName } from "once-again/stores";

/** One step of a random history of a store: an operation, or a wait. */
export type Step = Operation | { kind: "wait"; ms: number };

/** The times that random operations ask for, milliseconds. */
export interface StepTimes {
  readonly leaseMs: readonly number[];
  readonly retentionMs: readonly number[];
  readonly heldRetentionMs: readonly (number | undefined)[];
  readonly takeOverAfterMs: readonly (number | undefined)[];
  /** Empty: no one waits. */
  readonly waitMs: readonly number[];
}

/** Times that often meet: waits are about as long as leases and retentions. */
export const briefTimes: StepTimes = {
  leaseMs: [0, 50, 100],
  retentionMs: [150, 1000],
  heldRetentionMs: [undefined, 150, 1000],
  takeOverAfterMs: [undefined, 0, 50],
  waitMs: [1, 50, 100, 200],
};

const operations: readonly Operation["kind"][] = [
  ...["claim", "claim", "claim", "claim", "complete", "complete", "renew", "renew"],
  ...["release", "checkpoint", "resolve"],
] as const;

/** A random history of up to `stepsMax` steps, with few owners, requests and names, so that they meet. */
export function randomSteps(
  random: Random,
  names: readonly RecordName[],
  stepsMax: number,
  times: StepTimes = briefTimes,
): Step[] {
  const one = <Choice>(choices: readonly Choice[]): Choice => choices[Math.floor(random() * choices.length)] as Choice;
  const someDetails = [undefined, undefined, Uint8Array.of(), Uint8Array.of(1, 0, 255, 33)] as const;
  // An owner that claims again sends the same request again: its acknowledgement was lost.
  const claimed = new Map(["a", "b", "c"].map((owner) => [owner, one(someDetails)]));
  const step = (): Step => {
    const kind = one([...operations, ...times.waitMs.map(() => "wait" as const)]);
    const owned = { ...one(names), owner: one(["a", "b", "c"]) };
    const leaseMs = one(times.leaseMs);
    const retentionMs = one(times.retentionMs);
    const result = Uint8Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * 256));
    switch (kind) {
      case "wait":
        return { kind, ms: one(times.waitMs) };
      case "claim": {
        const stored = { retentionMs, heldRetentionMs: one(times.heldRetentionMs) };
        const takeOverAfterMs = one(times.takeOverAfterMs);
        return {
          kind,
          ...owned,
          fingerprint: one(["f", "f", "f", "f", "g"]),
          leaseMs,
          ...stored,
          takeOverAfterMs,
          details: claimed.get(owned.owner),
        };
      }
      case "complete":
        return { kind, ...owned, result, retentionMs };
      case "renew":
        return { kind, ...owned, leaseMs, details: one(someDetails) };
      case "release":
        return { kind, ...owned };
      case "checkpoint":
        return { kind, ...owned, step: one(["s", "__proto__"]), result };
      case "resolve": {
        const { scope, key } = owned;
        const done = { as: "done", result, retentionMs } as const;
        const settlement = one([done, { ...done, note: Uint8Array.of(0, 255) }, { as: "not-executed" } as const]);
        return { kind, scope, key, settlement };
      }
    }
  };
  return Array.from({ length: 1 + Math.floor(random() * stepsMax) }, step);
}
