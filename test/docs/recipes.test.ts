import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createTRPCClient, httpBatchLink, httpLink } from "@trpc/client";
import { build } from "esbuild";
import { createStaticHandler } from "react-router";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { Router } from "../../examples/recipes/trpc.ts";
import { exchange, lasting } from "../frameworks/exchange.ts";
import { bun, deno } from "../runtimes/runtimes.ts";
import { findBinary } from "../support/servers/binary.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { folderOfSuite, temporaryFolder } from "../support/temporary-folder.ts";
import { until } from "../support/until.ts";

// The programs of docs/guides/recipes.md, in what they are written for.

const folder = folderOfSuite();
const secret = "Bearer secret";

beforeAll(() => {
  vi.stubEnv("KEYS_DB", join(folder(), "keys.db"));
  vi.stubEnv("ORDERS_DB", join(folder(), "orders.db"));
  return () => vi.unstubAllEnvs();
});

const order = (key: string, authorization = secret, body = '{"item":"tea"}') =>
  new Request("http://shop.example/orders", {
    method: "POST",
    headers: { "idempotency-key": key, authorization },
    body,
  });

test("react-router.ts makes one order of two requests, and none for a stranger", async () => {
  const { action } = await import("../../examples/recipes/react-router.ts");
  const { queryRoute } = createStaticHandler([{ id: "orders", path: "/orders", action }]);
  // React Router throws responses with an error status, and its server sends them.
  const send = (request: Request) => queryRoute(request).catch((thrown: unknown) => thrown) as Promise<Response>;
  const [first, repeat] = [await send(order("order-7")), await send(order("order-7"))];
  expect([first.status, first.headers.get("location")]).toEqual([201, "/orders/7"]);
  expect(await first.json()).toEqual({ order: { item: "tea" }, key: "order-7" });
  expect([repeat.status, repeat.headers.get("idempotent-replayed")]).toEqual([201, "true"]);
  expect(await repeat.json()).toEqual({ order: { item: "tea" }, key: "order-7" });
  expect(await send(order("order-7", secret, '{"item":"coffee"}'))).toMatchObject({ status: 422 });
  expect(await send(order("order-7", "Bearer forged"))).toMatchObject({ status: 401 });
});

test("trpc.ts makes one order of two mutations, refuses a batch and strangers", async () => {
  const { serve } = await import("../../examples/recipes/trpc.ts");
  const sent: Response[] = [];
  const link = (authorization: string, key: string) => ({
    url: "http://shop.example/trpc",
    headers: { authorization, "idempotency-key": key },
    fetch: async (url: URL | string, init?: object) => {
      sent.push(await serve(new Request(String(url), init)));
      return sent.at(-1)!.clone();
    },
  });
  const client = (authorization: string, key = "trpc") =>
    createTRPCClient<Router>({ links: [httpLink(link(authorization, key))] });
  const known = client(secret);
  for (let time = 1; time <= 2; time += 1)
    expect(await known.order.mutate({ item: "tea" })).toEqual({ order: { item: "tea" }, key: "trpc" });
  expect(sent.map(({ headers }) => headers.get("idempotent-replayed"))).toEqual([null, "true"]);
  expect(await known.stock.query()).toBe(12);
  await expect(client("Bearer forged").order.mutate({ item: "tea" })).rejects.toThrow();
  expect(sent.at(-1)?.status).toBe(401);
  const batched = createTRPCClient<Router>({ links: [httpBatchLink(link(secret, "batch"))] });
  await Promise.allSettled([batched.order.mutate({ item: "tea" }), batched.order.mutate({ item: "coffee" })]);
  expect(sent.at(-1)?.status).toBe(400);
});

test("trpc-client.ts makes one order, though the first response is lost", async () => {
  const { serve } = await import("../../examples/recipes/trpc.ts");
  const replayed: (string | null)[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const response = await serve(new Request(url, init));
    replayed.push(response.headers.get("idempotent-replayed"));
    if (replayed.length === 1) throw new TypeError("fetch failed");
    return response;
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  const log = vi.spyOn(console, "log").mockReturnValue();
  await import("../../examples/recipes/trpc-client.ts");
  expect(log).toHaveBeenCalledExactlyOnceWith({ order: { item: "coffee" }, key: expect.any(String) as string });
  expect(replayed).toEqual([null, "true"]);
});

test("graphql.ts pays once for a repeated mutation, nothing for one that half fails, and nothing for a stranger", async () => {
  const { serve } = await import("../../examples/recipes/graphql.ts");
  const send = async (key: string, query: string, authorization = secret) =>
    serve(order(key, authorization, JSON.stringify({ query })));
  const replayed = [];
  for (const query of ["mutation { pay(amount: 700) }", "mutation { pay(amount: 4000) receipt }"]) {
    for (let time = 1; time <= 2; time += 1)
      replayed.push((await send(query.replaceAll(/\W/g, ""), query)).headers.get("idempotent-replayed"));
  }
  expect(replayed).toEqual([null, "true", null, null]);
  expect(await send("stranger", "mutation { pay(amount: 1) }", "Bearer forged")).toMatchObject({ status: 401 });
  const database = new DatabaseSync(join(folder(), "orders.db"));
  expect(database.prepare("SELECT amount FROM payments").all()).toEqual([{ amount: 700 }]);
});

for (const [name, runtime, args] of [
  ["Bun", bun, []],
  ["Deno", deno, ["serve", "--no-lock", "--allow-all", "--host", "127.0.0.1"]],
] as const) {
  describeWithServer(name, runtime.binary, () => {
    test("bun-deno.ts makes one order of two requests, and none for a stranger", async () => {
      const port = await serverPort();
      const program = join(temporaryFolder(), "server.mjs");
      await build({
        entryPoints: [resolve("examples/recipes/bun-deno.ts")],
        outfile: program,
        bundle: true,
        platform: "node",
        format: "esm",
        conditions: ["@once-again/source"],
      });
      const server = spawn(findBinary(runtime.binary)!, [...args, ...portOf(name, port), program], {
        env: { ...process.env, PORT: String(port) },
      });
      onTestFinished(() => ended(server));
      await listens(server);
      const url = `http://127.0.0.1:${port}`;
      const sent = { path: "/orders", key: name, headers: { authorization: secret } };
      const [first, repeat] = [await exchange(url, sent), await exchange(url, sent)];
      expect(first).toMatchObject({ status: 201, replayed: false, headers: { location: "/orders/7" } });
      expect(repeat.replayed).toBe(true);
      expect(lasting(repeat)).toEqual(lasting(first));
      expect(await exchange(url, { ...sent, body: '{"item":"coffee"}' })).toMatchObject({ status: 422 });
      expect(await exchange(url, { ...sent, headers: { authorization: "Bearer forged" } })).toMatchObject({
        status: 401,
      });
    });
  });
}

/** Deno gets its port as an argument, Bun finds it in the environment. */
const portOf = (name: string, port: number): string[] => (name === "Deno" ? ["--port", String(port)] : []);

/** Both say where they listen, each on another stream. */
async function listens({ stdout, stderr }: ChildProcess): Promise<void> {
  let said = "";
  for (const stream of [stdout, stderr]) stream?.on("data", (text) => (said += String(text)));
  await until(() => /listening|started/i.test(said));
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill();
  await until(() => child.exitCode !== null || child.signalCode !== null);
}
