import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { findBinary } from "./servers/binary.ts";
import { chromiumBinary, chromiumFlags } from "./servers/chromium.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A tab in the background, which a browser may freeze. Playwright has all of its pages look visible. */
export interface HiddenTab {
  /** The value of an expression, or of its promise. */
  evaluate(expression: string): Promise<unknown>;
  /** Stops all tasks of the page, timers and answers among them, until `thaw`. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

/** An answer of the DevTools protocol. */
interface Reply {
  readonly id: number;
  readonly error?: { readonly message: string };
  readonly result: {
    readonly result?: { readonly value?: unknown };
    readonly exceptionDetails?: { readonly exception?: { readonly description?: string } };
  };
}

/** Starts Chromium without a window; the function that it returns opens a tab, and resolves when its page is loaded. */
export async function launchWithHiddenTabs(): Promise<(url: string) => Promise<HiddenTab>> {
  const profile = temporaryFolder();
  const flags = [...chromiumFlags, "--headless=new", "--no-first-run", "--remote-debugging-port=0"];
  const browser = spawn(findBinary(chromiumBinary) ?? chromiumBinary.name, [...flags, `--user-data-dir=${profile}`], {
    stdio: "ignore",
  });
  const exited = new Promise((resolve) => browser.once("exit", resolve));
  onTestFinished(async () => {
    browser.kill("SIGKILL");
    await exited;
  });
  const readPort = (): number => Number(readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n")[0]);
  await expect.poll(readPort, { timeout: 60_000 }).toBeGreaterThan(0);
  return async (url) => {
    const created = await fetch(`http://127.0.0.1:${readPort()}/json/new?about:blank`, { method: "PUT" });
    const { webSocketDebuggerUrl } = (await created.json()) as { webSocketDebuggerUrl: string };
    const send = await connectTo(webSocketDebuggerUrl);
    const evaluate: HiddenTab["evaluate"] = async (expression) => {
      const asked = { expression, returnByValue: true, awaitPromise: true };
      const { exceptionDetails, result } = (await send("Runtime.evaluate", asked)).result;
      if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description);
      return result?.value;
    };
    const setState = async (state: "frozen" | "active"): Promise<void> =>
      void (await send("Page.setWebLifecycleState", { state }));
    await send("Page.enable");
    await send("Page.navigate", { url });
    await expect.poll(() => evaluate("document.readyState"), { timeout: 60_000 }).toBe("complete");
    return { evaluate, freeze: () => setState("frozen"), thaw: () => setState("active") };
  };
}

async function connectTo(url: string): Promise<(method: string, params?: object) => Promise<Reply>> {
  const socket = new WebSocket(url);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const waiting = new Map<number, (reply: Reply) => void>();
  let lastId = 0;
  socket.addEventListener("message", ({ data }) => {
    const reply = JSON.parse(String(data)) as Reply;
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  return async (method, params = {}) => {
    lastId += 1;
    const id = lastId;
    const reply = await new Promise<Reply>((resolve) => {
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
    return reply;
  };
}
