/** `server-child.ts FRAMEWORK STORE NAME URL`: one server, in a process of its own, told by messages what to say. */
import process from "node:process";
import { isFramework, isStoreName } from "./catalog.ts";
import { serve } from "./serve.ts";
import { setupOf } from "./setup-of.ts";
import type { Setup, Work } from "./setup.ts";

/** What a server says of itself. */
export interface ServerState {
  port: number;
  /** How often the handler's work was done. */
  runs: number;
  /** Processor time, of all threads, microseconds. */
  cpuMicroseconds: number;
}

const [, , framework, storeName, name, url] = process.argv;
if (!isFramework(framework) || !isStoreName(storeName) || name === undefined || url === undefined) {
  throw new Error("server-child.ts FRAMEWORK STORE NAME URL");
}

let runs = 0;
const setup = await setupOf(storeName, name, url);
const counted: Work<never> = (transaction) => {
  runs += 1;
  return (setup.work as Work<never>)(transaction);
};
const port = await serve(framework, { ...setup, work: counted } as Setup);

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ port, runs, cpuMicroseconds: user + system } satisfies ServerState);
});
// Also where stores keep connections open: a profile is written at the end.
process.on("disconnect", () => process.exit());
