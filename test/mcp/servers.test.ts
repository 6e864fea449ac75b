import { join } from "node:path";
import process from "node:process";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test, vi } from "vitest";
import { keyMeta, onceTool, openToolCalls } from "../../packages/once-again/src/mcp/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { connectHttp, connectStdio, startMcpHttp } from "../support/mcp.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// Tools behind the SDK's own transports.

const order = (key: string, item = "tea") => ({ name: "order", arguments: { item }, _meta: { [keyMeta]: key } });
const countOrders = async (client: Client) =>
  Number(((await client.callTool({ name: "count_orders" })).content as { text: string }[])[0]!.text);

const shop = () => ({ program: "examples/mcp/server.ts", env: { SHOP_DB: join(temporaryFolder(), "shop.db") } });

test("on stdio, a process that was killed has ordered once, and the next one knows it", async () => {
  const program = shop();
  const { client, pid } = await connectStdio(program);
  const first = await client.callTool(order("k1"));
  process.kill(pid, "SIGKILL");
  const { client: next } = await connectStdio(program);
  expect(await next.callTool(order("k1"))).toEqual({ ...first, _meta: { "once-again/replayed": true } });
  expect(await countOrders(next)).toBe(1);
});

test("two processes on one file order once, of twenty calls at a time", async () => {
  const program = shop();
  const clients = [(await connectStdio(program)).client, (await connectStdio(program)).client];
  const calls = Array.from({ length: 20 }, (_, index) => clients[index % 2]!.callTool(order("k1")));
  const contents = (await Promise.all(calls)).map(({ content }) => JSON.stringify(content));
  expect(new Set(contents).size).toBe(1);
  expect(await countOrders(clients[0]!)).toBe(1);
});

test("over HTTP, a key belongs to the caller of its token, and a lost connection does not end the order", async () => {
  const url = await startMcpHttp(shop());
  const [alice, bob] = [await connectHttp(url, "alice"), await connectHttp(url, "bob")];
  await Promise.all([alice.callTool(order("k1")), bob.callTool(order("k1"))]);
  expect(await countOrders(alice)).toBe(2);
  // Ten callers that are gone as soon as they have asked.
  for (let at = 0; at < 10; at += 1) {
    const client = await connectHttp(url, "alice");
    const called = client.callTool(order(`gone ${at}`)).catch(() => undefined);
    await client.close();
    await called;
    await alice.callTool(order(`gone ${at}`));
  }
  expect(await countOrders(alice)).toBe(12);
});

test("over HTTP, the header of the request brings the key too", async () => {
  const url = await startMcpHttp(shop());
  const call = () =>
    fetch(url, {
      method: "POST",
      headers: {
        authorization: "Bearer alice",
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "idempotency-key": "k1",
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "order", arguments: { item: "tea" } },
      }),
    }).then((response) => response.text());
  const [first, repeat] = [await call(), await call()];
  expect(first).toContain("Order 1: tea");
  expect(repeat).toContain("Order 1: tea");
  expect(repeat).toContain("once-again/replayed");
});

test("a call is held when its process was killed at work, in words that stop the model", async () => {
  const program = { program: "test/mcp/tool-child.ts", args: [join(temporaryFolder(), "keys.db")] };
  const { client, pid } = await connectStdio(program);
  const running = Promise.withResolvers<void>();
  client.setNotificationHandler(LoggingMessageNotificationSchema, () => running.resolve());
  const call = { name: "stop", _meta: { [keyMeta]: "k1" } };
  const lost = client.callTool(call).catch((error: unknown) => error);
  await running.promise;
  process.kill(pid, "SIGKILL");
  expect(await lost).toBeInstanceOf(Error);
  const { client: next } = await connectStdio(program);
  const held = await next.callTool(call);
  expect(held).toMatchObject({ isError: true, _meta: { "once-again/error": "ONCE_OUTCOME_UNKNOWN" } });
  expect(JSON.stringify(held.content)).toContain("not under another key");
});

test("a client asks again after its own time-out, and finds the outcome", async () => {
  const going = Promise.withResolvers<void>();
  const handler = vi.fn<() => Promise<{ content: [] }>>(async () => going.promise.then(() => ({ content: [] as [] })));
  const once = openToolCalls({ store: memoryStore(), scope: "alice" });
  const [server, client] = [new McpServer({ name: "a", version: "1" }), new Client({ name: "b", version: "1" })];
  onceTool(server, "slow", { once }, handler);
  const [here, there] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(there), client.connect(here)]);
  onTestFinished(() => client.close());
  const call = { name: "slow", _meta: { [keyMeta]: "k1" } };
  await expect(client.callTool(call, undefined, { timeout: 10 })).rejects.toThrow("timed out");
  const repeat = client.callTool(call);
  going.resolve();
  expect(await repeat).toMatchObject({ _meta: { "once-again/replayed": true } });
  expect(handler).toHaveBeenCalledOnce();
});

test("progress of a handler fails nothing when its caller is gone", async () => {
  const left = Promise.withResolvers<void>();
  const once = openToolCalls({ store: memoryStore(), scope: "alice" });
  const progress = { method: "notifications/progress" as const, params: { progressToken: 1, progress: 1 } };
  const connect = async () => {
    const [server, client] = [new McpServer({ name: "a", version: "1" }), new Client({ name: "b", version: "1" })];
    onceTool(server, "slow", { once }, async ({ sendNotification }) => {
      await left.promise;
      await sendNotification(progress);
      return { content: [] };
    });
    const [here, there] = InMemoryTransport.createLinkedPair();
    await Promise.all([server.connect(there), client.connect(here)]);
    return client;
  };
  const call = { name: "slow", _meta: { [keyMeta]: "k1" } };
  const first = await connect();
  const lost = first.callTool(call).catch(() => undefined);
  await first.close();
  await lost;
  left.resolve();
  const second = await connect();
  expect((await second.callTool(call)).isError).toBeUndefined();
});
