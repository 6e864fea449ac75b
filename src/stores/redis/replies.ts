import type { ClaimAnswer, InspectedRecord, KeyRecord, RecordName } from "../store.ts";

/** What the script answers: texts as bytes, numbers, and lists of them. */
type Reply = Buffer | number;

/** The answer to a claim: its kind, and what goes with it. */
export function claimAnswerOf(reply: unknown): ClaimAnswer {
  const [kind, ...rest] = reply as Reply[];
  switch (String(kind)) {
    case "acquired": {
      const [attempt, fence, ...steps] = rest as [number, number, ...Buffer[]];
      return { kind: "acquired", attempt, fence, abandoned: attempt > 1, checkpoints: checkpointsOf(pairs(steps)) };
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
  const [state, flat] = reply as [Buffer, Buffer[]];
  return { scope, key, state: String(state) as InspectedRecord["state"], record: recordOf(pairs(flat)) };
}

function recordOf(fields: readonly (readonly [string, Buffer])[]): KeyRecord {
  const { result, ...named } = Object.fromEntries(fields);
  const text = (name: string): string => String(named[name]);
  const steps = fields.flatMap(([name, bytes]) =>
    name.startsWith("step:") ? [[name.slice("step:".length), bytes] as const] : [],
  );
  return {
    state: text("state") as KeyRecord["state"],
    fingerprint: text("fingerprint"),
    owner: text("owner"),
    attempt: Number(text("attempt")),
    fence: Number(text("fence")),
    leaseUntil: Number(text("lease_until")),
    checkpoints: checkpointsOf(steps),
    result: result === undefined ? undefined : bytesOf(result),
    createdAt: Number(text("created_at")),
    expiresAt: Number(text("expires_at")),
  };
}

function checkpointsOf(steps: readonly (readonly [string, Buffer])[]): Record<string, Uint8Array> {
  return Object.fromEntries(steps.map(([step, bytes]) => [step, bytesOf(bytes)]));
}

/** Redis gives names and values one after the other. */
function pairs(flat: readonly Buffer[]): (readonly [string, Buffer])[] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [String(flat[2 * index]), flat[2 * index + 1]!]);
}

/** The client's buffer, as an array of bytes and nothing more. */
function bytesOf({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
