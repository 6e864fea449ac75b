import process from "node:process";
import { Command, InvalidArgumentError } from "commander";
import { consoleServer } from "../console/console-server.ts";
import { gatewaysSection } from "../console/gateways/gateways-section.ts";
import { keysSection, type SettledKey } from "../console/keys/keys-section.ts";
import { type DecidedMessage, messagesSection } from "../console/messages/messages-section.ts";
import type { Section } from "../console/route.ts";
import { stormsSection } from "../console/storms/storms-section.ts";
import {
  exitCodes,
  outboxFromUrl,
  runUntilInterrupted,
  storeForms,
  storeFromUrl,
  waitForAbort,
  wholeNumber,
} from "once-again/internal/command";
import { changeLine, changeOf } from "./change-log.ts";
import { maskOption } from "./keys/flags.ts";

interface ConsoleFlags {
  readonly store?: string;
  readonly gateway?: readonly URL[];
  readonly host: string;
  readonly port: number;
  readonly requireToken?: boolean;
  readonly mask: readonly string[];
  readonly json?: boolean;
}

/** How many gateways a console watches. */
const gatewaysMax = 16;

/** `once-again console`: the keys of a store, the messages of an outbox, and what gateways do, in the browser. */
export function consoleCommand(): Command {
  return new Command("console")
    .description(
      "Serves the console for a store, for the outbox in the same database where there is one, and for gateways, and " +
        "prints its address. It runs until Ctrl-C.",
    )
    .option("--store <store>", storeForms)
    .option(
      "--gateway <url>",
      `where a gateway listens for operators; for several, up to ${gatewaysMax}, repeat it`,
      gatewayUrl,
    )
    .option("--host <address>", "where to listen; beyond loopback every request needs the token", "127.0.0.1")
    .option("--port <number>", "0: any free port", wholeNumber(0, 65_535), 0)
    .option("--require-token", "every request needs the token, from this machine too: its other users see nothing")
    .addOption(maskOption())
    .option("--json", "print the address as one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ once-again console --store postgres://localhost/shop
  $ once-again console --store sqlite:keys.db --gateway http://127.0.0.1:8082

The address has a token, new at each start. To look from this machine no token is needed, unless --require-token says
otherwise; to decide about a key or a message, and for every request from another machine, it is.

Exit codes: 0 ended by Ctrl-C, 2 wrong usage, or a store with neither keys nor an outbox that answer.`,
    )
    .action(run);
}

/** Adds a gateway to those that were named before. @throws InvalidArgumentError */
function gatewayUrl(text: string, before: readonly URL[] = []): URL[] {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new InvalidArgumentError("It must be where a gateway listens for operators, such as http://127.0.0.1:8082.");
  }
  if (before.length === gatewaysMax) throw new InvalidArgumentError(`A console watches ${gatewaysMax} at most.`);
  return [...before, url];
}

async function run(
  { store: location, gateway, host, port, requireToken, mask, json }: ConsoleFlags,
  command: Command,
): Promise<void> {
  const fail = (error: Error): never => command.error(`error: ${error.message}`);
  if (location === undefined && gateway === undefined) {
    command.error("error: say what to show: --store, --gateway, or both");
  }
  await runUntilInterrupted(async (signal) => {
    const opened = location === undefined ? [] : await openStore(location, mask).catch(fail);
    try {
      const gateways = gateway === undefined ? [] : [gatewaysSection(gateway)];
      const sections = [...opened.map(({ section }) => section), ...gateways, stormsSection()];
      await using server = await consoleServer({ sections, host, port, requireToken }).catch(fail);
      const { url, token } = server;
      process.stdout.write(json ? `${JSON.stringify({ url, token })}\n` : `Console: ${url}\nCtrl-C ends it.\n`);
      await waitForAbort(signal);
    } finally {
      for (const { close } of opened) await close();
    }
  });
  process.exitCode = exitCodes.fine;
}

/** A page of the console, and what ends the connection behind it. */
interface OpenSection {
  readonly section: Section;
  readonly close: () => Promise<void>;
}

/** The pages for what is there: keys, messages or both. @throws Error when there is neither. */
async function openStore(location: string, mask: readonly string[]): Promise<OpenSection[]> {
  const [keys, messages] = await Promise.allSettled([openKeys(location, mask), openMessages(location)]);
  if (keys.status === "rejected" && messages.status === "rejected") throw keys.reason;
  return [keys, messages].flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** @throws Error when there are no keys, or they can't be reached. */
async function openKeys(location: string, mask: readonly string[]): Promise<OpenSection> {
  const store = await storeFromUrl(location);
  return unlessSilent(store, () => store.list({ limit: 1 }), keysSection({ store: () => store, mask }, logSettled));
}

/** Prints each key that was settled in the browser, a line on stderr, as commands do. */
function logSettled({ scope, key, settledAs, author, reason }: SettledKey): void {
  const did = settledAs === "done" ? "resolved" : "released";
  process.stderr.write(`${changeLine(changeOf(did, { by: author, reason }, { scope, key }))}\n`);
}

/** The same for each message. */
function logDecided({ id, did, author, reason }: DecidedMessage): void {
  process.stderr.write(`${changeLine(changeOf(did, { by: author, reason }, { id }))}\n`);
}

/** @throws Error when there is no outbox, or it can't be reached. */
async function openMessages(location: string): Promise<OpenSection> {
  const outbox = await outboxFromUrl(location);
  return unlessSilent(outbox, () => outbox.backlog(), messagesSection(outbox, logDecided));
}

async function unlessSilent(
  opened: { close(): Promise<void> },
  ask: () => unknown,
  section: Section,
): Promise<OpenSection> {
  const close = (): Promise<void> => opened.close();
  try {
    await ask();
    return { section, close };
  } catch (error) {
    await close();
    throw error;
  }
}
