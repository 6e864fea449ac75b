import { invalidOptionError } from "../core/options.ts";

/** Who settled a key, and why. */
export interface SettlementNote {
  /** A person's name, or an account's: 1 to 200 characters. */
  readonly author: string;
  /** The reason, and its source: 1 to 1000 characters. */
  readonly reason: string;
}

/** How long each part may be, characters. */
export const noteLengthMax = { author: 200, reason: 1000 } as const;

/**
 * Makes the note that `resolve` stores with a record: who settles it, and why. When it was settled is stored by the store's
 * own clock (`settledAt` of the record).
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a part that is empty, too long, or no text.
 * @example
 * ```ts
 * const note = settlementNote({ author: "alice", reason: "The bank has the charge: ch_7" });
 * await store.resolve({ scope, key, settlement: { as: "done", result, retentionMs: 86_400_000, note } });
 * ```
 */
export function settlementNote({ author, reason }: SettlementNote): Uint8Array {
  const parts = { author: checkPart("author", author), reason: checkPart("reason", reason) };
  return new TextEncoder().encode(JSON.stringify(parts));
}

function checkPart(name: keyof SettlementNote, value: unknown): string {
  const max = noteLengthMax[name];
  const text = typeof value === "string" ? value.trim() : "";
  if (text !== "" && text.length <= max) return text;
  throw invalidOptionError(name, `a text of 1 to ${max} characters`, value);
}

/** The content of a stored note; `undefined` for an empty one, and for bytes that are no such note, as of a sealed one. */
export function readSettlementNote(note: Uint8Array): SettlementNote | undefined {
  try {
    const { author, reason } = JSON.parse(new TextDecoder().decode(note)) as Partial<SettlementNote>;
    return typeof author === "string" && typeof reason === "string" ? { author, reason } : undefined;
  } catch {
    return undefined;
  }
}
