import process from "node:process";
import { systemClock } from "once-again/internal";
import type { NoteFlags, StoreFlags } from "./keys/flags.ts";
import { escapeControls } from "./keys/printable.ts";

/** The deed of a person to one key, message or dead letter. */
export type Deed = "resolved" | "released" | "retried" | "discarded" | "sent";

/** The names of a key or of a message; of a dead letter also the place that it was sent to. */
export type Changed = { readonly scope: string; readonly key: string } | { readonly id: string; readonly to?: string };

/** A change of one key or message by a person. */
export type Change = NoteFlags & Changed & { readonly at: string; readonly did: Deed };

/** A change as a line: the same by commands and by the console. Text of others can't move the cursor or begin a line. */
export function changeLine({ at, by, did, reason, ...changed }: Change): string {
  const name = "id" in changed ? changed.id : `${changed.scope} ${changed.key}`;
  const place = "to" in changed && changed.to !== undefined ? ` to ${changed.to}` : "";
  return escapeControls(`${at} ${by} ${did} ${name}${place}: ${reason}`);
}

export function changeOf(did: Deed, { by, reason }: NoteFlags, changed: Changed): Change {
  return { at: new Date(systemClock.now()).toISOString(), by, did, ...changed, reason };
}

/** The changes of one command. */
export interface ChangeLog {
  /** Prints a change at once, so that it is known if the command is cut off. */
  note(changed: Changed): void;
  /** All of them, for the document. */
  readonly changes: readonly Change[];
}

/** Opens a log of the changes of a command: lines on stdout; with `--json`, which prints its document last, JSON lines on stderr. */
export function openChangeLog(did: Deed, flags: Pick<StoreFlags, "json"> & NoteFlags): ChangeLog {
  const changes: Change[] = [];
  return {
    changes,
    note(changed) {
      const change = changeOf(did, flags, changed);
      changes.push(change);
      if (flags.json) process.stderr.write(`${JSON.stringify(change)}\n`);
      else process.stdout.write(`${changeLine(change)}\n`);
    },
  };
}
