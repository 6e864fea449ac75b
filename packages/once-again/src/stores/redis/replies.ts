import type { ClaimAnswer, InspectedRecord, RecordName } from "../store.ts";
import { recordOf, stepsOf } from "./record-format.ts";

/** The answer to a claim, from what the script says: its kind, and what goes with it. */
export function claimAnswerOf(reply: unknown): ClaimAnswer {
  const [kind, ...rest] = reply as [Buffer, ...unknown[]];
  switch (String(kind)) {
    case "acquired": {
      const [attempt, fence, steps] = rest as [number, number, Buffer];
      return { kind: "acquired", attempt, fence, abandoned: attempt > 1, checkpoints: stepsOf(bytesOf(steps)) };
    }
    case "in-progress":
      return { kind: "in-progress", leaseMsLeft: Number(rest[0]) };
    case "done":
      return { kind: "done", result: bytesOf(rest[0] as Buffer) };
    case "abandoned":
      return { kind: "abandoned", leaseOverMs: Number(rest[0]) };
    default:
      return { kind: "mismatch" };
  }
}

/** The record that the script found, as people see it. */
export function inspectedOf({ scope, key }: RecordName, reply: unknown): InspectedRecord | undefined {
  if (reply === null) return undefined;
  const [state, stored] = reply as [Buffer, Buffer];
  return { scope, key, state: String(state) as InspectedRecord["state"], record: recordOf(bytesOf(stored)) };
}

/** The client's buffer, as an array of bytes and nothing more. */
function bytesOf({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
