import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { RecordName } from "once-again/stores";
import { noteLengthMax, type SealKey } from "once-again/internal";
import { secretNames } from "../../secret-names.ts";
import { storeForms, wholeNumber } from "once-again/internal/command";

/** The options of every command on keys. */
export interface StoreFlags {
  readonly store: string;
  readonly json?: boolean;
}

/** Gives a command the options of `StoreFlags`. */
export function withStoreOptions(command: Command, where = `where the keys are: ${storeForms}`): Command {
  return command
    .addOption(new Option("--store <url>", where).env("ONCE_AGAIN_STORE").makeOptionMandatory())
    .option("--json", "print one JSON document instead of text");
}

/** The arguments by which a command names one record to settle, or `--held` for all that wait for a person. */
export function withHeldNames(command: Command): Command {
  return command
    .argument("[scope]", 'the scope of the key, as `list` shows it; "public" for routes with one scope for all')
    .argument("[key]", "the key")
    .option("--held", "settle every held key instead of one, in the order of scope and key")
    .option("--scope <scope>", "with --held: only those of this scope")
    .option("--limit <number>", "with --held: how many at most, 1 to 1000000", wholeNumber(1, 1_000_000), 10_000);
}

/** The record that the arguments name; undefined with `--held`. Anything else is wrong usage. */
export function readHeldName(
  scope: string | undefined,
  key: string | undefined,
  flags: { readonly held?: boolean; readonly scope?: string },
  command: Command,
): RecordName | undefined {
  if (flags.held) {
    return scope === undefined ? undefined : command.error("error: give a scope and key, or --held, not both");
  }
  if (flags.scope !== undefined) command.error("error: --scope goes with --held");
  if (scope !== undefined && key !== undefined) return { scope, key };
  return command.error("error: give the scope and key of one key, or --held for all held keys");
}

/** `--seal-key`, which may be given several times: see `readSealKeys`. */
export function sealKeyOption(description: string): Option {
  return new Option("--seal-key <id:hex|@file>", description)
    .argParser((text, before: readonly string[]) => [...before, text])
    .default([], "none");
}

/** `--mask`, which may be given several times. */
export function maskOption(): Option {
  const all =
    "of stored answers, headers and JSON members of this name are masked, too; may be repeated; none: show all";
  return new Option("--mask <name>", all)
    .argParser((text, before: readonly string[]) => (text === "none" ? [] : [...before, text]))
    .default(secretNames, secretNames.join(", "));
}

/** Who changes something with a command, and why. */
export interface NoteFlags {
  readonly by: string;
  readonly reason: string;
}

/** Gives a command the options of `NoteFlags`. */
export function withNote(command: Command): Command {
  const by = new Option("--by <name>", "who does it").argParser(notePart("author")).makeOptionMandatory();
  const user = findUserName();
  return command
    .addOption(user === undefined ? by : by.default(user, "your user name"))
    .addOption(
      new Option("--reason <text>", "what you know, and from where")
        .argParser(notePart("reason"))
        .makeOptionMandatory(),
    );
}

function notePart(part: keyof typeof noteLengthMax): (text: string) => string {
  const max = noteLengthMax[part];
  return (text) => {
    if (text.trim() !== "" && text.length <= max) return text;
    throw new InvalidArgumentError(`It must be a text of 1 to ${max} characters.`);
  };
}

/** The name of who runs the command; undefined for a user that has none, as in some containers. */
function findUserName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** `--yes`, for commands that ask. */
export function yesOption(): Option {
  return new Option("--yes", "do it without asking");
}

/** The bytes that an option gives: those of a file, or its own text. */
export function readBytes(text: string): Uint8Array {
  if (!text.startsWith("@")) return new TextEncoder().encode(text);
  try {
    return readFileSync(text.slice(1));
  } catch (error) {
    throw new InvalidArgumentError(`It can't be read: ${(error as Error).message}.`);
  }
}

/**
 * The seal keys that `--seal-key` gives.
 *
 * @throws Error without the text, which is a secret; commander would show it.
 */
export function readSealKeys(texts: readonly string[]): SealKey[] {
  const lines = texts.flatMap((text) => new TextDecoder().decode(readBytes(text)).split(/\r?\n/));
  return lines.filter(Boolean).map((line) => {
    const [, id, hex] = /^([\x21-\x7e]{1,64}):((?:[0-9a-f]{32}){1,2})$/i.exec(line) ?? [];
    if (id === undefined || hex === undefined) throw new Error("A seal key must be ID:HEX, 32 or 64 hex digits.");
    return { id, secret: Uint8Array.from(Buffer.from(hex, "hex")) };
  });
}
