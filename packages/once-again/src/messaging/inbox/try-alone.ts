import { OnceAgainError } from "../../core/errors.ts";
import { errorText } from "../../core/error-text.ts";
import { bytesCodec, type Engine, type OnceOperation } from "../../engine/engine.ts";
import type { RoomEngine } from "../../engine/open-engine.ts";
import { nameProblem } from "../../key/key.ts";
import { sha256 } from "../../key/sha256.ts";
import type { Handled, Undecidable } from "./inbox-decisions.ts";
import type { InboxSettings } from "./inbox-options.ts";
import type { ReadableMessage } from "./inbox-message.ts";
import type { SharedExclusiveLock } from "./shared-exclusive-lock.ts";

/** The steps with which a message is tried alone. */
export interface AloneParts {
  readonly settings: InboxSettings;
  readonly lock: SharedExclusiveLock;
  /** Leased, on the inbox's store: its claim says that a message is being tried alone, and outlives the process. */
  readonly notes: Engine<undefined>;
  /** Removes the note of a process that died, from the inbox's store. */
  readonly discard: RoomEngine<never>["discard"];
  /** Whether the message shall be given back, in place of a try. */
  readonly isStopped: () => boolean;
  readonly onError: (error: unknown) => void;
}

const nothing = new Uint8Array();

/**
 * Tries a message that was delivered more often than it may be tried. Either its deliveries were no tries, as when consumers
 * closed, or processes died with it in hand: because of this message, or of another one. So nothing else of this inbox runs
 * beside it, and the store has a note of it. A note without its process says which message was the reason.
 *
 * @param attempt tries it.
 * @param giveUp decides about it without running it.
 */
export async function tryAlone(
  { settings, lock, notes, discard, isStopped, onError }: AloneParts,
  message: ReadableMessage,
  attempt: () => Promise<Handled | Undecidable>,
  giveUp: () => Promise<Handled | Undecidable>,
): Promise<Handled | Undecidable> {
  const operation = await noteOf(settings.consumer, message.id);
  const { leaseMs } = settings;
  return lock.alone(async () => {
    let handled: Handled | Undecidable | undefined;
    try {
      if (isStopped()) return { isFailure: false, detail: "the inbox closes" };
      const { kind } = await notes.run(operation, async () => {
        handled = await attempt();
        return { effect: "none", result: nothing };
      });
      if (handled !== undefined) return handled;
      if (kind === "in-progress") {
        return { isFailure: false, detail: "another process tries it alone", delayMs: Math.ceil(leaseMs / 3) };
      }
      const last = await giveUp();
      // Sent again, it is as good as new.
      if ("verdict" in last) await discard(operation);
      return last;
    } catch (error) {
      // The note is removed behind our back, as soon as the store can be reached.
      if (handled !== undefined) return handled;
      if (!OnceAgainError.isInstance(error, "ONCE_CLOSED")) onError(error);
      return { isFailure: false, detail: errorText(error) };
    }
  });
}

async function noteOf(scope: string, id: string): Promise<OnceOperation> {
  const named = `tried alone: ${id}`;
  const digest = await sha256(id);
  const key = nameProblem(named) === undefined ? named : `tried alone: ${digest}`;
  return { scope, key, fingerprint: digest, codec: bytesCodec };
}
