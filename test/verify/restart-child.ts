/** Kills the model server that runs on a port, if one does, and starts it again: `node restart-child.ts NAME PORT FOLDER`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const [name, port, folder] = process.argv.slice(2) as [string, string, string];
const pidFile = join(folder, "pid");

async function isOpen(): Promise<boolean> {
  const socket = connect(Number(port), "127.0.0.1");
  const isConnected = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isConnected;
}

if (existsSync(pidFile)) {
  process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
  // A process that was killed listens until the system has come to it.
  while (await isOpen()) await setTimeout(10);
}
const server = spawn(
  process.execPath,
  [fileURLToPath(new URL("../../conformance/faults/server.ts", import.meta.url)), name],
  { detached: true, stdio: "ignore", env: { ...process.env, PORT: port, STATE: join(folder, "state.json") } },
);
server.unref();
writeFileSync(pidFile, String(server.pid));
while (!(await isOpen())) await setTimeout(10);
