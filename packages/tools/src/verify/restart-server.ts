import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { OnceAgainError } from "once-again";
import { NoResponse } from "./verdict.ts";

/** How long the command may take, milliseconds, and how long to wait before the next look for the server. */
const commandMsMax = 60_000;
const lookMs = 20;

/**
 * Has the server killed and started again, and waits until it accepts connections.
 *
 * @throws NoResponse when the server does not come back; OnceAgainError `ONCE_TARGET_UNFIT` when the command fails.
 */
export async function restartServer(
  restart: string | (() => Promise<void>),
  { urlTemplate, timeoutMs, signal }: { urlTemplate: string; timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  await (typeof restart === "string" ? runCommand(restart, signal) : restart());
  const { hostname, port, protocol } = new URL(urlTemplate);
  const at = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (protocol === "https:" ? 443 : 80)) };
  for (
    const endsAt = performance.now() + timeoutMs;
    performance.now() < endsAt;
    await sleep(lookMs, undefined, { signal })
  )
    if (await accepts(at)) return;
  throw new NoResponse("the server does not come back");
}

async function runCommand(command: string, signal: AbortSignal): Promise<void> {
  const { spawn } = await import("node:child_process");
  // A server that the command leaves behind must not hold our output open.
  const child = spawn(command, { shell: true, stdio: "ignore", signal, timeout: commandMsMax });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0)
    throw new OnceAgainError("ONCE_TARGET_UNFIT", `The command that restarts the server ended with ${code}.`);
}

async function accepts(at: { host: string; port: number }): Promise<boolean> {
  const socket = connect(at);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
