import process from "node:process";
import { Command, InvalidArgumentError, Option } from "commander";
import type { ListRequest } from "once-again/stores";
import type { ListPosition } from "once-again/internal";
import { pageJson, releaseJson } from "../../admin/key-json.ts";
import { type KeyState, storedState } from "../../admin/key-state.ts";
import { listReleases } from "../../admin/releases.ts";
import { listKeys, type RecordPage } from "../../admin/list.ts";
import { exitCodes, painter, sqlitePath, wholeNumber } from "once-again/internal/command";
import { type StoreFlags, withStoreOptions } from "./flags.ts";
import { formatReleases, formatTable } from "./record-table.ts";
import { runningText } from "../running-text.ts";
import { print, withStore } from "./session.ts";

interface ListFlags extends StoreFlags, Pick<ListRequest, "scope" | "scopePrefix" | "key" | "order" | "after"> {
  readonly state?: Exclude<KeyState, "broken"> | "released";
  readonly label?: string;
  readonly odd?: boolean;
  readonly limit: number;
}

/** For a store that may have keys under another name. */
const prefixHint =
  "Do the servers use a prefix of their own? Give it in the URL: ?tablePrefix=shop_, or ?prefix=shop: for Redis.";

/** `once-again keys list` */
export function listCommand(): Command {
  return withStoreOptions(new Command("list"))
    .summary("show the keys of a store")
    .description(
      "Shows the keys of a store that are not expired, in the order of scope and key; held ones by age, the oldest first.",
    )
    .option("--scope <scope>", "only those of this scope")
    .option("--scope-prefix <text>", "only those with a scope that begins so")
    .option("--key <key>", "only those with this key, whole, in whatever scope")
    .option("--label <text>", "only those with this in their label, or in their route: each key is read")
    .option(
      "--odd",
      "only those with times that the store's clock has yet to reach, since it was set back: each key is read",
    )
    .addOption(
      new Option(
        "--state <state>",
        'only those in this state; "released": which keys people released in the last 30 days, the newest first',
      ).choices(["running", "done", "held", "released"]),
    )
    .addOption(
      new Option("--order <order>", "name, or age: those first that are held longest").choices(["name", "age"]),
    )
    .option("--limit <number>", "how many at most, 1 to 1000", wholeNumber(1, 1000), 100)
    .option(
      "--after <name>",
      'go on after this one: \'["scope","key"]\', as the last line of a full list says',
      parsePosition,
    )
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys list --store sqlite:keys.db --state held
  $ once-again keys list --store sqlite:keys.db --key order-7
  $ once-again keys list --store sqlite:keys.db --label "order 4711"
  $ once-again keys list --store sqlite:keys.db --odd

A label that is sealed is not found by --label. Ages are by this machine's clock, states by the store's. See a held key with "show", settle it
with "resolve" or "release".

Exit codes: 0 fine (also when there are none), 2 wrong usage, or a store that does not answer.`,
    )
    .action(run);
}

async function run(flags: ListFlags, command: Command): Promise<void> {
  if (flags.state === "released") return runReleased(flags, command);
  const state = storedState(flags.state);
  const order = flags.order ?? (state === "abandoned" ? "age" : "name");
  await withStore(command, flags, async (store) => {
    const counter = runningText(process.stderr);
    const page = await listKeys(store, { ...flags, state, order }, (looked) => counter.show(`${looked} keys read`));
    counter.clear();
    print(
      flags,
      () => pageJson(page),
      () => formatPage(page, sqlitePath(flags.store) === undefined ? prefixHint : undefined),
    );
    return exitCodes.fine;
  });
}

async function runReleased(flags: ListFlags, command: Command): Promise<void> {
  const { scope, limit } = flags;
  for (const option of ["scopePrefix", "key", "after", "order", "odd"] as const) {
    if (flags[option] !== undefined) command.error("error: --state released goes with --scope and --limit alone");
  }
  await withStore(command, flags, async (store) => {
    const releases = await listReleases(store, { scope, limit });
    print(
      flags,
      () => ({ releases: releases.map(releaseJson) }),
      () => (releases.length === 0 ? ["No key was released."] : formatReleases(releases, Date.now(), painter)),
    );
    return exitCodes.fine;
  });
}

function formatPage({ records, next }: RecordPage, hint: string | undefined): string[] {
  if (records.length === 0) return ["No such keys.", ...(hint === undefined ? [] : [painter.faint(hint)])];
  const more = next && `There may be more: --after ${quoteForShell(JSON.stringify(Object.values(next)))}`;
  return [...formatTable(records, Date.now(), painter), ...(more ? ["", painter.faint(more)] : [])];
}

function parsePosition(text: string): ListPosition {
  const [scope, key, leaseUntil] = parseList(text);
  const isTime = leaseUntil === undefined || typeof leaseUntil === "number";
  if (typeof scope === "string" && typeof key === "string" && isTime) return { scope, key, leaseUntil };
  throw new InvalidArgumentError(
    'It must be a JSON array of two texts, ["scope","key"], and the end of the lease with --order age.',
  );
}

function parseList(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.length <= 3 ? value : [];
  } catch {
    return [];
  }
}

/** Makes a text one word for a POSIX shell. */
function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
