import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openIntents } from "../../packages/once-again/src/intents/index.ts";
import { sqliteIntents } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { command, exitCodes, printJson, progressLine, wholeNumbers } from "../../test/support/command.ts";
import { besideOthers } from "../../test/support/intents-beside.ts";
import { printTable } from "../../test/support/print-table.ts";

const help = `npm run bench:intents -- [--intents 10000,100000] [--beside] [--json]

One process keeps ever more intents in SQLite and is killed before any is answered; another resumes them all, against a
server that counts what each key does. Seconds, processor time and memory of the one that resumes, and how many times the
next smaller number's processor time for each intent it takes. Ends with 1 if a key had no effect, or two.

  --beside   instead: intents in Chromium beside @tanstack/offline-transactions, in the same scenarios; some eight minutes

  npm run bench:intents -- --intents 10000`;

/** The claims of the killed process are free again after this. */
const leaseMs = 1000;
const addedAtATime = 1000;

/** The report of the process that resumed. */
interface Resumed {
  seconds: number;
  cpuMicroseconds: number;
  peakMegabytes: number;
}

const [role, path = "", url = "", count = "0"] = process.argv.slice(2);
if (role === "keep") await keep();
else if (role === "resume") await resume();
else await measure();

/** Stores intents with requests that are never answered, and waits to be killed. */
async function keep(): Promise<void> {
  const intentsMax = Number(count);
  const intents = openIntents({
    keys: true,
    store: sqliteIntents({ path }),
    leaseMs,
    openMax: intentsMax,
    fetch: () => new Promise<never>(() => undefined),
  });
  for (let added = 0; added < intentsMax; added += addedAtATime) {
    await Promise.all(
      Array.from({ length: Math.min(addedAtATime, intentsMax - added) }, (_, index) =>
        intents.add(`order ${added + index}`, { url, body: '{"item":"tea","amount":420}' }),
      ),
    );
  }
  process.send?.("stored");
}

async function resume(): Promise<void> {
  const startedAt = performance.now();
  await using intents = openIntents({ keys: true, store: sqliteIntents({ path }), leaseMs: 30_000, concurrency: 64 });
  await intents.resume();
  const { system, user } = process.cpuUsage();
  const resumed: Resumed = {
    seconds: (performance.now() - startedAt) / 1000,
    cpuMicroseconds: user + system,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  };
  process.send?.(resumed);
}

async function measure(): Promise<void> {
  const options = {
    intents: { type: "string", default: "10000,100000" },
    beside: { type: "boolean" },
    json: { type: "boolean" },
  } as const;
  await command(help, options, async (values) => {
    const sizes = wholeNumbers("intents", values.intents);
    const progress = progressLine();
    if (values.beside === true) {
      const seen = await besideOthers((text) => progress.say(text));
      progress.clear();
      if (values.json === true) printJson(seen);
      else printTable(seen);
      // An order of ours that was made twice; or not at all, and its press was not refused.
      const isRight = ({ orders, press }: (typeof seen)[number]): boolean =>
        orders === (press.startsWith("refused") ? 0 : 1);
      return seen.every((row) => row.library === "tanstack" || isRight(row)) ? exitCodes.fine : exitCodes.bad;
    }
    const rows: Row[] = [];
    for (const size of sizes) {
      progress.say(`${size} intents`);
      rows.push(await row(size, rows.at(-1)));
    }
    progress.clear();
    if (values.json === true) printJson(rows);
    else printTable(rows);
    return rows.every(({ withoutEffect, repeated }) => withoutEffect + repeated === 0) ? exitCodes.fine : exitCodes.bad;
  });
}

type Row = Awaited<ReturnType<typeof row>>;

async function row(intents: number, before?: { cpuMicrosecondsEach: number }) {
  const folder = mkdtempSync(join(tmpdir(), "once-again-intents-"));
  const effects = new Map<string, number>();
  const server = createServer((request, response) => {
    const key = String(request.headers["idempotency-key"]);
    effects.set(key, (effects.get(key) ?? 0) + 1);
    request.resume().on("end", () => response.writeHead(201).end("{}"));
  });
  try {
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const child = (as: string): ChildProcess =>
      fork(fileURLToPath(import.meta.url), [
        as,
        join(folder, "intents.db"),
        `http://127.0.0.1:${port}/`,
        String(intents),
      ]);
    const keeper = child("keep");
    await once(keeper, "message");
    keeper.kill("SIGKILL");
    await once(keeper, "exit");
    const [resumed] = (await once(child("resume"), "message")) as [Resumed];
    const cpuMicrosecondsEach = resumed.cpuMicroseconds / intents;
    return {
      intents,
      withoutEffect: intents - effects.size,
      repeated: [...effects.values()].filter((times) => times > 1).length,
      seconds: resumed.seconds,
      perSecond: intents / resumed.seconds,
      cpuMicrosecondsEach,
      timesBefore: cpuMicrosecondsEach / (before?.cpuMicrosecondsEach ?? cpuMicrosecondsEach),
      peakMegabytes: resumed.peakMegabytes,
    };
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
}
