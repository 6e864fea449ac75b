import { Command } from "commander";
import { exitCodes, painter } from "once-again/internal/command";
import type { InspectedRecord, RecordName, Store } from "once-again/stores";
import { maskOption, sealKeyOption, readSealKeys, type StoreFlags, withStoreOptions } from "./flags.ts";
import { keyJson, pageJson, releaseJson } from "../../admin/key-json.ts";
import { findReleases } from "../../admin/releases.ts";
import { showKey } from "../../admin/show.ts";
import { escapeControls } from "./printable.ts";
import { formatTable } from "./record-table.ts";
import { fieldFormat, formatRecord, formatRelease } from "./record-text.ts";
import { type ExitCode, print, withStore } from "./session.ts";
import { refuse } from "./settle.ts";

interface ShowFlags extends StoreFlags {
  readonly sealKey: readonly string[];
  readonly mask: readonly string[];
}

/** So many keys of one name are shown, where their scope is not given. */
const namesakesMax = 20;

/** `once-again keys show` */
export function showCommand(): Command {
  return withStoreOptions(new Command("show"))
    .argument(
      "<scope>",
      'the scope of the key, as `list` shows it; "public" for routes with one scope for all; or the key alone',
    )
    .argument("[key]", "the key")
    .summary("show one key whole")
    .description("Shows one key whole: its times, its steps, its stored answer, and when people released it.")
    .addOption(sealKeyOption("opens what was sealed with it; may be given several times"))
    .addOption(maskOption())
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys show --store sqlite:keys.db acme order-7
  $ once-again keys show --store sqlite:keys.db order-7   # in whatever scope

A file of seal keys has one ID:HEX a line. With --json, bodies and other bytes are Base64. A body that is compressed is not looked into by --mask.

Exit codes: 0 fine, 1 there is no such key, or there are several, 2 wrong usage, or a store that does not answer.`,
    )
    .action(run);
}

async function run(first: string, second: string | undefined, flags: ShowFlags, command: Command): Promise<void> {
  await withStore(command, flags, async (store) => {
    if (second !== undefined) return show(store, { scope: first, key: second }, flags);
    const found = await store.list({ key: first, limit: namesakesMax, content: "sizes" });
    return found.length > 1
      ? refuseNamesakes(found, flags)
      : show(store, found[0] ?? { scope: "*", key: first }, flags);
  });
}

async function show(store: Store, { scope, key }: RecordName, flags: ShowFlags): Promise<ExitCode> {
  const view = await showKey(store, { scope, key }, { ...flags, sealKeys: readSealKeys(flags.sealKey) });
  if (view === undefined) return refuseAbsent(store, { scope, key }, flags);
  print(
    flags,
    () => keyJson(view),
    () => formatRecord(view, Date.now(), painter),
  );
  return exitCodes.fine;
}

/** A key that is not there may have been released. */
async function refuseAbsent(store: Store, name: RecordName, flags: ShowFlags): Promise<ExitCode> {
  const releases = await findReleases(store, name);
  if (releases.length === 0) return refuse(flags, name, "absent");
  print(
    flags,
    () => ({ ...name, state: "absent", releases: releases.map(releaseJson) }),
    () => releases.map((release) => fieldFormat(painter)("released", formatRelease(release, Date.now()))),
  );
  console.error(`${escapeControls(name.scope)} ${escapeControls(name.key)}: It was released, and not used since.`);
  return exitCodes.bad;
}

/** Several scopes have the key. */
function refuseNamesakes(found: readonly InspectedRecord[], flags: ShowFlags): ExitCode {
  print(
    flags,
    () => pageJson({ records: found }),
    () => formatTable(found, Date.now(), painter),
  );
  const count = found.length < namesakesMax ? `${found.length}` : `${namesakesMax} or more`;
  console.error(`${count} scopes have the key ${escapeControls(found[0]!.key)}: give one of them.`);
  return exitCodes.bad;
}
