import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type IncomingMessage, request, type RequestOptions } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { startGatewayCommand } from "../support/gateway-command.ts";
import { startHttpServer } from "../support/http-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const mebibyte = 1_048_576;
const bytes = 1024 * mebibyte;

/** The cost that a large body may have, MiB. Measured are 21 to 61, with three times as much work as cores. */
const costMax = 96;

/** A body of 1 GiB; a function, since none is sent twice. */
function* body(): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, "x");
  for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk;
}

async function countBytes(stream: Readable): Promise<number> {
  let count = 0;
  for await (const chunk of stream) count += (chunk as Buffer).length;
  return count;
}

/** The command in front of a service that counts what it gets, and sends as much. */
async function startInFront() {
  const service = await startHttpServer(async (incoming, response) => {
    const count = await countBytes(incoming);
    if (incoming.url === "/upload") return void response.end(String(count));
    await pipeline(Readable.from(body()), response).catch(() => undefined);
  });
  const store = `sqlite:${join(temporaryFolder(), "keys.db")}`;
  const flags = ["--upstream", service, "--store", store, "--scope", "header:x-account", "--port", "0"];
  const gateway = await startGatewayCommand(flags);
  const memory = (name: string): number => {
    const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)![1]) / 1024;
  };
  // The first request has a cost that does not depend on its size.
  await (await fetch(`${gateway.url}/upload`, { method: "PUT", body: "x" })).text();
  const before = memory("VmRSS");
  return { url: gateway.url, costMiB: () => memory("VmHWM") - before };
}

async function upload(url: string, headers: RequestOptions["headers"]): Promise<string> {
  const sent = request(`${url}/upload`, { method: "PUT", agent: false, headers });
  const answered = once(sent, "response") as Promise<[IncomingMessage]>;
  await pipeline(Readable.from(body()), sent);
  const [answer] = await answered;
  return text(answer);
}

test.for([
  ["with its length", { "content-length": bytes }],
  ["in chunks", { "transfer-encoding": "chunked" }],
  ["on a separate connection", { "transfer-encoding": "chunked", trailer: "x-sum" }],
] as const)("an upload of 1 GiB %s costs 96 MiB at most", async ([, headers]) => {
  const { url, costMiB } = await startInFront();
  expect(await upload(url, headers)).toBe(String(bytes));
  expect(costMiB()).toBeLessThanOrEqual(costMax);
});

test.for([
  ["that passes through", { method: "GET" }],
  [
    "that is too large to be stored",
    { method: "POST", headers: { "idempotency-key": "k", "x-account": "acme", "content-length": 0 } },
  ],
] as const)("a response of 1 GiB %s costs 96 MiB at most", async ([, options]) => {
  const { url, costMiB } = await startInFront();
  const sent = request(`${url}/download`, { agent: false, ...options }).end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  expect(await countBytes(answer)).toBe(bytes);
  expect(costMiB()).toBeLessThanOrEqual(costMax);
});
