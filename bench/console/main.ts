/** `npm run bench:console`: how long the pages of the console take on a store of very many keys. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { consoleServer } from "../../packages/tools/src/console/console-server.ts";
import { keysSection } from "../../packages/tools/src/console/keys/keys-section.ts";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumbers } from "../../test/support/command.ts";
import { printTable } from "../../test/support/print-table.ts";
import { scope } from "../retention/engine.ts";
import type { ConsoleEngine } from "./engine.ts";
import { engines } from "./engines.ts";

const names = engines.map(({ name }) => name).join("|");

const help = `npm run bench:console -- --engine ${names} [--keys 1000000] [--held 10000] [--json]

Stores so many keys in a private server, and measures each page of the console, milliseconds, the slowest of 5: how long a request
for it takes, and when it is there. A store without an index looks at each key; until then the answer is that it searches.

  --engine NAME   ${names}
  --keys NUMBER   default 1000000
  --held NUMBER   how many of them are held; default 10000
  --json          one JSON document`;

const options = {
  engine: { type: "string" },
  keys: { type: "string", default: "1000000" },
  held: { type: "string", default: "10000" },
  json: { type: "boolean" },
} as const;

/** A page of the console, as its address. */
interface ConsolePage {
  readonly name: string;
  readonly query: string;
}

const pages: readonly ConsolePage[] = [
  { name: "held, the oldest first", query: "state=abandoned" },
  { name: "a key by itself", query: "key=done" },
  { name: "scopes that begin so", query: "scopePrefix=ac" },
  { name: "all states", query: "" },
  { name: "running", query: "state=running" },
];

await command(help, options, async (values) => {
  const engine = engines.find(({ name }) => name === values.engine);
  if (engine === undefined) throw new UsageError(`--engine must be one of ${names}.`);
  const [keys = 0] = wholeNumbers("keys", values.keys, { min: 1 });
  const [held = 0] = wholeNumbers("held", values.held, { min: 1 });
  const progress = progressLine();
  const rows = await measure(engine, { keys, held }, (text) => progress.say(text));
  progress.clear();
  if (values.json === true) printJson(rows);
  else printTable(rows);
  return exitCodes.fine;
});

async function measure(
  engine: ConsoleEngine,
  { keys, held }: { keys: number; held: number },
  say: (text: string) => void,
): Promise<object[]> {
  await using ground = await engine.start();
  say(`${engine.name}: storing ${keys} keys`);
  await addOne(ground.store, "done");
  await addOne(ground.store, "held");
  await ground.addCopies("done", keys - held - 1, "live");
  await ground.addCopies("held", held - 1, "live");
  const page = mkdtempSync(join(tmpdir(), "once-again-console-"));
  await using server = await consoleServer({ sections: [keysSection({ store: () => ground.store })], page });
  const { origin } = new URL(server.url);
  say(`${engine.name}: the first look`);
  const started = performance.now();
  const watching = await fetch(`${origin}/api/keys/watch`);
  const samples = watching.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes("latencyMs"); text += (await samples.read()).value ?? "");
  const rows: object[] = [{ page: "the first look, in the background", pageMs: performance.now() - started }];
  for (const { name, query } of pages) {
    say(`${engine.name}: ${name}`);
    let [requestMs, pageMs] = [0, 0];
    for (let time = 0; time < 5; time += 1) {
      const startedAt = performance.now();
      let status: number;
      do {
        const sentAt = performance.now();
        const response = await fetch(`${origin}/api/keys/list?${query}`);
        await response.text();
        ({ status } = response);
        requestMs = Math.max(requestMs, performance.now() - sentAt);
      } while (status === 202);
      pageMs = Math.max(pageMs, performance.now() - startedAt);
    }
    rows.push({ page: name, requestMs, pageMs });
  }
  await samples.cancel();
  return rows;
}

/** One key that others are copies of. */
async function addOne(store: Store, key: "done" | "held"): Promise<void> {
  const name = { scope, key, owner: "worker" };
  const day = 86_400_000;
  await store.claim({ ...name, fingerprint: "f".repeat(64), leaseMs: 60_000, retentionMs: day });
  if (key === "done") await store.complete({ ...name, result: new Uint8Array(200).fill(65), retentionMs: day });
  else await store.renew({ ...name, leaseMs: 0 });
}
