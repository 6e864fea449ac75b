import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { command, endSignal } from "./command.ts";

/** A server in a separate process, for charges.test.ts and kill.ts. */
export interface RunningServer {
  /** The address of its charges. */
  readonly url: string;
  /** Resolves when the process has ended. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts the server on a port, and waits until it responds. */
export async function startServer(port: number, environment: Record<string, string> = {}): Promise<RunningServer> {
  const child = spawn(process.execPath, command, {
    env: { ...process.env, NODE_ENV: "production", PORT: String(port), ...environment },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  const url = `http://127.0.0.1:${port}/charges`;
  while (!(await responds(url))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("The server ended before it listened.");
    await sleep(50);
  }
  return {
    url,
    ended,
    async stop() {
      child.kill(endSignal);
      await ended;
    },
  };
}

async function responds(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** A port that nothing listens on, below those that systems give to outgoing connections: one of these could be taken meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    await once(server.close(), "close");
    return port;
  }
}

/** How many charges have been made. */
export async function countCharges(url: string): Promise<number> {
  const response = await fetch(url, { headers: { authorization: "Bearer secret" } });
  const { charges } = (await response.json()) as { charges: number };
  return charges;
}
