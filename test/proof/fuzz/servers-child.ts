import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import { type FrameworkName, frameworkOf } from "../crash/frameworks.ts";

// A server of each framework for `npm run fuzz -- --target servers`. Each has its own store, and counts its effects.

const names: readonly FrameworkName[] = ["node", "express", "fastify", "koa", "hono", "web"];

async function serve(name: FrameworkName): Promise<string> {
  const effects = new Map<string, number>();
  const framework = await frameworkOf(name);
  const { listener } = await framework.serve({
    rules: { store: memoryStore(), onUnknown: "hold", profile: { keyRequired: false }, onError: () => undefined },
    scope: (authorization) => authorization || "public",
    handle({ execution: { key }, body }) {
      if (key !== undefined) effects.set(key, (effects.get(key) ?? 0) + 1);
      return {
        status: 201,
        headers: { "x-answer-to": String(key).replaceAll(/[^\w.-]/g, "") },
        body: body.slice(0, 100),
      };
    },
  });
  const server = createServer((request, response) => {
    const { url, method } = request;
    if (url === "/two-effects") return void response.end([...effects].filter(([, count]) => count > 1).join(" "));
    if (url === "/neighbour" && method === "GET") {
      response.setHeader("x-answer-to", String(request.headers["x-request"]));
      return void response.end("fine");
    }
    // Whatever was asked for is the one route that all of them have.
    if (url?.startsWith("/")) request.url = "/v1/orders";
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const urls = [];
for (const name of names) urls.push(await serve(name));
process.stdout.write(`Servers: ${JSON.stringify(urls)}\n`);
