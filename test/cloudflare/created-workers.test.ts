import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { FrameworkName } from "../../packages/create-once-again/src/choices.ts";
import { projectFiles } from "../../packages/create-once-again/src/project.ts";
import { startHttpServer } from "../support/http-server.ts";
import { startWorker, type Worker } from "../support/servers/workerd.ts";

// The Workers that `npm create once-again` makes, with the handler and the options of a user.

const root = join(import.meta.dirname, "../..");

/** Starts the Worker of a project, with its keys in Durable Objects, after some of its files were changed. */
async function startCreated(
  framework: FrameworkName,
  changes: Readonly<Record<string, string>>,
  bindings: Readonly<Record<string, string>>,
): Promise<Worker & { readonly url: URL }> {
  await mkdir(join(root, "dist"), { recursive: true });
  const folder = await mkdtemp(join(root, "dist", "worker-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const made = projectFiles("shop", { framework, store: "durable-object", mode: "leased" });
  for (const [path, text] of new Map([...made, ...Object.entries(changes)])) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const worker = await startWorker(join(folder, "main.ts"), {
    durableObjects: { ONCE: { className: "OnceKeys", useSQLite: true } },
    d1Databases: { DB: "shop" },
    bindings,
    // Not behind miniflare's own Worker, which stays when a caller leaves.
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  });
  onTestFinished(() => worker[Symbol.asyncDispose]());
  return { ...worker, url: new URL("/charges", await worker.miniflare.unsafeGetDirectURL()) };
}

/** A handler that waits for a provider, and options that hold an operation that has no end. */
const changes = {
  "pay.ts": `import { env } from "cloudflare:workers";
export async function pay(_operation: unknown, amount: number) {
  return { amount, charge: await (await fetch(env.PROVIDER)).text() };
}`,
  "options.ts": `import { store } from "./store.ts";
export const options = { store };`,
};

test.for(["worker", "worker-hono"] as const)(
  "%s: a handler goes on when its caller leaves, and the repeat gets its response",
  async (framework) => {
    const calls: ServerResponse[] = [];
    const provider = await startHttpServer((_request, response) => void calls.push(response));
    const { url } = await startCreated(framework, changes, { PROVIDER: provider });
    const headers = {
      authorization: "Bearer secret",
      "content-type": "application/json",
      "idempotency-key": "charge-0000000000000001",
    };
    const body = JSON.stringify({ amount: 5 });

    const leaving = httpRequest(url, { method: "POST", headers }).on("error", () => undefined);
    const gone = new Promise((resolve) => leaving.once("close", resolve));
    leaving.end(body);
    await expect.poll(() => calls.length).toBe(1);
    leaving.socket!.resetAndDestroy();
    await gone;
    // The runtime has seen that the caller left when it answers another.
    expect((await fetch(url)).status).toBe(401);
    calls[0]!.end("made");

    const repeat = () => fetch(url, { method: "POST", headers, body });
    let response = await repeat();
    for (let asked = 0; response.headers.has("retry-after") && asked < 600; asked += 1) {
      await sleep(50);
      response = await repeat();
    }
    expect([response.status, await response.json()]).toEqual([201, { amount: 5, charge: "made" }]);
    expect(calls).toHaveLength(1);
  },
);

test.for([
  ["worker", ""],
  ["worker", '"content-type": "text/plain",'],
  ["worker-hono", ""],
  ["worker-hono", '"content-type": "text/plain",'],
] as const)(
  "%s: a body that the handler has encoded is sent as it is, also to a repeat (%s)",
  async ([framework, type]) => {
    const made = projectFiles("shop", { framework, store: "durable-object", mode: "leased" });
    const worker = made
      .get("worker.ts")!
      .replace(/(?:Response|context)\.json\((await pay\([^;]+amount\)), [^;]+\);/, "$1;");
    const { url } = await startCreated(
      framework,
      {
        ...changes,
        "worker.ts": worker,
        "pay.ts": `export async function pay() {
  const body = new Blob(["paid"]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(await new Response(body).arrayBuffer(), { encodeBody: "manual", headers: { ${type} "content-encoding": "gzip" } });
}`,
      },
      {},
    );
    const headers = {
      authorization: "Bearer secret",
      "content-type": "application/json",
      "idempotency-key": "charge-0000000000000001",
      "accept-encoding": "gzip",
    };
    const ask = async () => (await fetch(url, { method: "POST", headers, body: JSON.stringify({ amount: 5 }) })).text();
    expect([await ask(), await ask()]).toEqual(["paid", "paid"]);
  },
);
