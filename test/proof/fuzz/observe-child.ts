import { subscribe } from "node:diagnostics_channel";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

// Loaded into a process under attack (`--import`): writes down the longest turn of its event loop, and its memory.

const folder = process.env["FUZZ_OBSERVATIONS"];
if (folder !== undefined) observe(join(folder, `${process.pid}.json`));

function observe(file: string): void {
  const everyMs = 20;
  let at = performance.now();
  let cpu = process.threadCpuUsage();
  let turnMs = 0;
  let isListening = false;
  // In the turns before, modules are compiled. A first process of workers never listens itself.
  subscribe("tracing:net.server.listen:asyncEnd", () => {
    isListening = true;
    at = performance.now();
    cpu = process.threadCpuUsage();
    turnMs = 0;
  });
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(cpu);
    const late = performance.now() - at - everyMs;
    // On a machine that is busy with other work a turn takes long, and little processor time.
    if (isListening) turnMs = Math.max(turnMs, Math.min(late, (user + system) / 1000));
    at = performance.now();
    cpu = process.threadCpuUsage();
  }, everyMs).unref();
  setInterval(() => {
    writeFileSync(
      `${file}.new`,
      JSON.stringify({ turnMs: Math.round(turnMs), memoryMiB: Math.round(process.memoryUsage.rss() / 1_048_576) }),
    );
    renameSync(`${file}.new`, file);
  }, 200).unref();
}
