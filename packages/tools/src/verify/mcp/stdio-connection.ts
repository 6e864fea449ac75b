import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { NoResponse } from "../verdict.ts";
import { type Connect, greet, type McpConnection, type Reply, replyBefore, type RpcMessage } from "./mcp-connection.ts";

/** Starts the server's process for each connection: one JSON text a line, in both directions. */
export function stdioConnect([command, ...args]: readonly [string, ...string[]], timeoutMs: number): Connect {
  return async () => {
    // Most verifications start no process.
    const [{ spawn }, { createInterface }] = await Promise.all([import("node:child_process"), import("node:readline")]);
    // A separate process group, so that the children of the command end with it.
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
    const waiting = new Map<number, PromiseWithResolvers<Reply>>();
    let ids = 0;
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-errorTextMax)));
    const withErrors = (message: string): string => message + formatErrors(errors);
    const fail = (message: string): void => {
      for (const { reject } of waiting.values()) reject(new NoResponse(withErrors(message)));
      waiting.clear();
    };
    child.once("error", (error) => fail(`the server can't be started: ${error.message}`));
    child.once("exit", (code) => {
      const end = (): void => fail(`the server ended (${code ?? "killed"})`);
      // The reason may still be on its way, and the server's children may have the stream open for longer.
      if (child.stderr.readableEnded) end();
      else void Promise.race([once(child.stderr, "end"), delay(errorsMsMax)]).then(end, end);
    });
    // A message to a process that has ended is lost; the "exit" event reports that.
    child.stdin.on("error", () => undefined);
    createInterface({ input: child.stdout }).on("line", (line) => {
      const message = readMessage(line);
      if (message?.method !== undefined || typeof message?.id !== "number") return;
      waiting.get(message.id)?.resolve(message);
      waiting.delete(message.id);
    });
    const write = (message: object): void =>
      void child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    const connection: McpConnection = {
      send(method, params) {
        const id = (ids += 1);
        const reply = Promise.withResolvers<Reply>();
        if (child.exitCode === null && child.signalCode === null) waiting.set(id, reply);
        else reply.reject(new NoResponse(withErrors("the server has ended")));
        write({ id, method, params });
        return { id, reply: replyBefore(timeoutMs, reply.promise, withErrors) };
      },
      notify: async (method, params) => write({ method, params }),
      async cut() {
        if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
        globalThis.process.kill(-child.pid, "SIGKILL");
        await once(child, "exit");
      },
    };
    try {
      await greet(connection);
      return connection;
    } catch (error) {
      await connection.cut();
      throw error;
    }
  };
}

/** How much of the end of a server's stderr is shown, characters. */
const errorTextMax = 1000;
/** How long the rest of stderr is awaited once the server has ended, milliseconds. */
const errorsMsMax = 500;

/** The end of a server's stderr in one line, without what a terminal would obey. */
function formatErrors(text: string): string {
  const lines = text.split(/\r?\n/).map((line) => line.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").trim());
  const shown = lines.filter((line) => line !== "").join(" | ");
  return shown === "" ? "" : `; its stderr ends with: ${shown}`;
}

/** Lines that are no JSON are no messages: servers print other things there, too. */
function readMessage(line: string): RpcMessage | undefined {
  try {
    return JSON.parse(line) as RpcMessage;
  } catch {
    return undefined;
  }
}
