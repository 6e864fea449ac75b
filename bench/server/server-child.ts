/** `server-child.ts FRAMEWORK STORE NAME URL [RETENTION_MS]`: one server, in a separate process. Messages ask for its figures. */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { isFramework, isStoreName } from "./catalog.ts";
import { serve } from "./serve.ts";
import { setupOf } from "./setup-of.ts";
import type { Setup, Work } from "./setup.ts";

/** The report of a server. */
export interface ServerState {
  port: number;
  /** How often the handler's work was done. */
  runs: number;
  /** Processor time, of all threads, microseconds. */
  cpuMicroseconds: number;
}

/** The memory of a server. */
export interface ServerHeap {
  /** The heap after full collections, bytes. */
  heapBytes: number;
}

const [, , framework, storeName, name, url, retentionMs] = process.argv;
if (!isFramework(framework) || !isStoreName(storeName) || name === undefined || url === undefined) {
  throw new Error("server-child.ts FRAMEWORK STORE NAME URL [RETENTION_MS]");
}

let runs = 0;
const setup = await setupOf(storeName, name, url);
const counted: Work<never> = (transaction) => {
  runs += 1;
  return (setup.work as Work<never>)(transaction);
};
const port = await serve(framework, { ...retaining(setup), work: counted } as Setup);

process.on("message", (asked: "state" | "heap") => {
  if (asked === "state") process.send?.(state());
  else void heap().then((answer) => process.send?.(answer));
});

/** A leased setup with a given retention; its lease must end before that. */
function retaining(setup: Setup): Setup {
  if (retentionMs === undefined || setup.kind !== "leased") return setup;
  const times = { retentionMs: Number(retentionMs), leaseMs: Number(retentionMs) / 2 };
  return { ...setup, options: { ...setup.options, ...times } };
}

function state(): ServerState {
  const { user, system } = process.cpuUsage();
  return { port, runs, cpuMicroseconds: user + system };
}

/** Without what has expired. Finalizers run after a collection, and free what the next one finds: needs `--expose-gc`. */
async function heap(): Promise<ServerHeap> {
  if ("options" in setup) await setup.options.store.purge({ limit: Number.MAX_SAFE_INTEGER });
  globalThis.gc?.();
  await setTimeout(0);
  globalThis.gc?.();
  return { heapBytes: process.memoryUsage().heapUsed };
}

// Also where stores keep connections open: a profile is written at the end.
process.on("disconnect", () => process.exit());
