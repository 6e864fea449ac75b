import type { Command } from "commander";
import { type OpenOutbox, outboxForms, outboxFromUrl, wholeNumber } from "once-again/internal/command";
import { type NoteFlags, type StoreFlags, withNote, withStoreOptions } from "../keys/flags.ts";
import { type ExitCode, withOpen } from "../keys/session.ts";

/** Gives a command the options of `StoreFlags`. */
export function withOutboxOptions(command: Command): Command {
  return withStoreOptions(command, `where the outbox is: ${outboxForms}`);
}

/** The options of a command that decides about one parked message, or about all. */
export interface DecideFlags extends StoreFlags, NoteFlags {
  readonly all?: boolean;
  readonly limit: number;
  readonly yes?: boolean;
}

/** Gives a command an id, or `--all` for every parked message. */
export function withParkedIds(command: Command): Command {
  return withNote(withOutboxOptions(command))
    .argument("[id]", "the message's id, as `list` shows it")
    .option("--all", "every parked message instead of one, the oldest first")
    .option("--limit <number>", "with --all: how many at most, 1 to 1000", wholeNumber(1, 1000), 100);
}

/** `withStore` for the outbox that `--store` names. */
export function withOutbox(
  command: Command,
  { store: location }: StoreFlags,
  work: (outbox: OpenOutbox) => Promise<ExitCode>,
): Promise<void> {
  return withOpen(command, () => outboxFromUrl(location), work);
}
