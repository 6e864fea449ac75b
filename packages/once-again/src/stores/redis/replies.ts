import { readableRecord, recordBrokenError, recordProblem } from "../check-record.ts";
import type { ClaimAnswer, InspectedRecord, RecordName } from "../store.ts";
import { escapeField, parseRecord, recordOf, stepsOf } from "./record-format.ts";

/** The answer to a claim, from the record that is there; `undefined` where that depends on the server's time. */
export function answerOfRecord(stored: Buffer, fingerprint: string): ClaimAnswer | undefined {
  const record = parseRecord(stored);
  // Released, or no record.
  if (record === undefined) return undefined;
  if (record.fingerprint !== escapeField(fingerprint)) return { kind: "mismatch" };
  return record.state === "done" ? { kind: "done", result: record.rest } : undefined;
}

/**
 * The server's time, and the answer to a claim, from what the script says: the time, a kind, and what goes with it. A
 * client may give numbers as texts.
 */
export function claimReply(name: RecordName, reply: unknown): { serverMs: number; answer: ClaimAnswer } {
  const [serverMs, kind, ...rest] = reply as unknown[];
  return { serverMs: Number(serverMs), answer: claimAnswer(name, String(kind), rest) };
}

function claimAnswer(name: RecordName, kind: string, rest: readonly unknown[]): ClaimAnswer {
  switch (kind) {
    case "acquired": {
      const [attempt, fence] = rest.slice(0, 2).map(Number) as [number, number];
      const checkpoints = stepsOf(bytesOf(rest[2] as Buffer));
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
  const [state, stored, removedAt] = reply as [Buffer, Buffer, unknown];
  const record = recordOf(stored, Number(removedAt));
  const problem = recordProblem(record);
  if (problem !== undefined) return { scope, key, state: "broken", record: readableRecord(record), problem };
  return { scope, key, state: String(state) as InspectedRecord["state"], record };
}

/** The client's buffer, as an array of bytes and nothing more. */
function bytesOf({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
