import process from "node:process";
import { type Command, CommanderError } from "commander";
import type { Store } from "once-again/stores";
import { type exitCodes, storeFromUrl, waitAtMost } from "once-again/internal/command";
import type { StoreFlags } from "./flags.ts";
import { escapeControls } from "./printable.ts";

/** The exit code of a command. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * Opens a command's store, works on it, closes it. A failure is one line on stderr, and exit code 2.
 *
 * @param open default: opens what `--store` names, which has to be there.
 */
export async function withStore(
  command: Command,
  { store: location }: StoreFlags,
  work: (store: Store) => Promise<ExitCode>,
  open: () => Promise<Store> = () => storeFromUrl(location),
): Promise<void> {
  await withOpen(command, open, work);
}

/** How long connections may take to end, milliseconds. */
const closeMsMax = 2000;

/** `withStore` for anything that is opened and closed. */
export async function withOpen<Opened extends { close(): Promise<void> }>(
  command: Command,
  open: () => Promise<Opened>,
  work: (opened: Opened) => Promise<ExitCode>,
): Promise<void> {
  let opened: Opened | undefined;
  try {
    opened = await open();
    process.exitCode = await work(opened);
  } catch (error) {
    if (error instanceof CommanderError) throw error;
    command.error(`error: ${escapeControls(readReason(error))}`);
  } finally {
    // The result stands by now, whatever a server says to its connections' end, or does not say.
    if (opened !== undefined) await waitAtMost(opened.close(), closeMsMax).catch(() => undefined);
  }
}

/** Prints what a command found: one JSON document, or lines. */
export function print(
  { json }: Pick<StoreFlags, "json">,
  document: () => unknown,
  lines: () => readonly string[],
): void {
  const text = json ? JSON.stringify(document(), undefined, 2) : lines().join("\n");
  process.stdout.write(text === "" ? "" : `${text}\n`);
}

/** An error's message; some are empty, and have their reasons inside. */
function readReason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return readReason(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
}
