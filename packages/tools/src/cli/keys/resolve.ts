import { Command, InvalidArgumentError } from "commander";
import { findResponseProblem, findSealKeyId, isHeader, resolveWith } from "../../admin/resolve.ts";
import { wholeNumber } from "once-again/internal/command";
import {
  readBytes,
  readHeldName,
  sealKeyOption,
  readSealKeys,
  withHeldNames,
  withNote,
  withStoreOptions,
  yesOption,
} from "./flags.ts";
import { withStore } from "./session.ts";
import { settleOne } from "./settle.ts";
import { settleHeld, type SettleHeldFlags } from "./settle-held.ts";

interface ResolveFlags extends SettleHeldFlags {
  readonly status: number;
  readonly header: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array;
  readonly empty?: boolean;
  readonly retentionMs: number;
  readonly sealKey: readonly string[];
}

const dayMs = 86_400_000;

/** `once-again keys resolve` */
export function resolveCommand(): Command {
  return withNote(withHeldNames(withStoreOptions(new Command("resolve"))))
    .summary("settle a held key as done, with an answer")
    .description(
      "Settles a held key as done: you know that it happened. Every repeat gets this answer. Of a function's call " +
        "(its scope is the function's name), the body is the result, with --status 200. Repeats of a message (its scope is " +
        "the inbox's consumer) are acknowledged, whatever the answer. Who settled it, when and why is stored with the key.",
    )
    .requiredOption("--status <number>", "the answer's status, 200 to 599", wholeNumber(200, 599))
    .option("--header <name: value>", "one of the answer's headers; may be given several times", addHeader, [])
    .option(
      "--body <text|@file>",
      "the answer's body, which has to be what its content-type says; JSON where none says anything",
      readBytes,
    )
    .option("--empty", "the answer has no body, also with a status that may have one")
    .option(
      "--retention-ms <number>",
      "how long the answer is stored, milliseconds",
      wholeNumber(1, 36_525 * dayMs),
      dayMs,
    )
    .addOption(sealKeyOption("seals the answer, for servers that use sealedStore; the first one given counts"))
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys resolve --store sqlite:keys.db acme order-7 --status 201 \\
      --header "content-type: application/json" --body '{"order":7}' \\
      --reason "the bank has the charge: ch_7"
  $ once-again keys resolve --store sqlite:keys.db --held --scope acme --status 204 --reason "INC-12: all were delivered" --yes
  $ once-again keys resolve --store sqlite:keys.db charge order-7 --status 200 --body '{"receipt":"r_1"}' \\
      --reason "r_1 is in the ledger"   # a function
  $ once-again keys resolve --store sqlite:keys.db shipping order-7-placed --status 204 \\
      --reason "the parcel left"   # a message

Each key is printed as soon as it is resolved, with --json as a line of JSON on stderr; the document comes last.

Exit codes: 0 settled, 1 it is not (no such key, not held, you said no, or it was interrupted), 2 wrong usage, or a store that does not
answer.`,
    )
    .action(run);
}

async function run(
  scope: string | undefined,
  key: string | undefined,
  flags: ResolveFlags,
  command: Command,
): Promise<void> {
  const name = readHeldName(scope, key, flags, command);
  const { status, header, body = new Uint8Array(), retentionMs, by: author, reason } = flags;
  const response = { status, headers: header, body };
  const problem = findResponseProblem(response, flags.empty === true);
  if (problem !== undefined) {
    const advice = body.length === 0 ? " Give it with --body, or say --empty." : "";
    command.error(`error: ${problem}${advice}`);
  }
  const answer = `HTTP ${status}, ${body.length} bytes`;
  await withStore(command, flags, async (store) => {
    const sealKeys = readSealKeys(flags.sealKey);
    const sealedWith = sealKeys.length > 0 ? undefined : await findSealKeyId(store);
    if (sealedWith !== undefined) {
      throw new Error(`Results in this store are sealed with the key "${sealedWith}": give it with --seal-key.`);
    }
    const settlementOf = resolveWith({ response, retentionMs, author, reason }, sealKeys);
    if (name === undefined) {
      return settleHeld(store, flags, command, settlementOf, {
        did: "resolved",
        question: `Settle them as done? Every repeat of each gets this answer: ${answer}.`,
        done: `every repeat of each gets ${answer}.`,
      });
    }
    return settleOne(store, name, await settlementOf(name), flags, command, {
      did: "resolved",
      question: `Settle it as done? Every repeat gets this answer: ${answer}.`,
      done: `Settled: every repeat gets ${answer}.`,
    });
  });
}

function addHeader(text: string, before: ResolveFlags["header"]): ResolveFlags["header"] {
  const end = text.indexOf(":");
  const name = text.slice(0, Math.max(end, 0)).trim();
  const value = text.slice(end + 1).trim();
  if (!isHeader(name, value)) throw new InvalidArgumentError('It must be a header: "name: value".');
  return [...before, [name, value]];
}
