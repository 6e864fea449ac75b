import type { ClaimAnswer, InspectedRecord, RecordName } from "../store.ts";
import { readableRecord, recordBrokenError, recordProblem } from "../check-record.ts";
import { recordOf, stepsOf } from "./record-format.ts";

/** The answer to a claim, from what the script says: its kind, and what goes with it. */
export function claimAnswerOf(name: RecordName, reply: unknown): ClaimAnswer {
  const [kind, ...rest] = reply as [Buffer, ...unknown[]];
  switch (String(kind)) {
    case "acquired": {
      const [attempt, fence, steps] = rest as [number, number, Buffer];
      const checkpoints = stepsOf(bytesOf(steps));
      if (checkpoints === undefined) throw recordBrokenError(name, "A step of it can't be read.");
      return { kind: "acquired", attempt, fence, abandoned: attempt > 1, checkpoints };
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
  const record = recordOf(bytesOf(stored));
  const problem = recordProblem(record);
  if (problem !== undefined) return { scope, key, state: "broken", record: readableRecord(record), problem };
  return { scope, key, state: String(state) as InspectedRecord["state"], record };
}

/** The client's buffer, as an array of bytes and nothing more. */
function bytesOf({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
