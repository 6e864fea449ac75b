import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type GatewayCommand, startGatewayCommand } from "../support/gateway-command.ts";
import { startHttpServer } from "../support/http-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { dial } from "./talk.ts";

// How much memory a process takes is read from /proc: these tests are for Linux.

/** A service that answers a caller that behaves well, and nothing else. */
async function start(): Promise<GatewayCommand> {
  const url = await startHttpServer((request, response) => {
    if (request.url === "/neighbour") response.end("fine");
  });
  const store = `sqlite:${join(temporaryFolder(), "keys.db")}`;
  return startGatewayCommand(["--upstream", url, "--store", store, "--scope", "header:x-account", "--port", "0"]);
}

function residentMiB({ pid }: GatewayCommand): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

/** The most memory while a caller that behaves well is served, again and again. */
async function memoryBeside(gateway: GatewayCommand, times: number): Promise<number> {
  let most = 0;
  for (let time = 0; time < times; time += 1) {
    expect(await (await fetch(`${gateway.url}/neighbour`)).text()).toBe("fine");
    most = Math.max(most, residentMiB(gateway));
  }
  return most;
}

const crumbs = Buffer.from("1\r\nx\r\n".repeat(1_000_000));

test.for([
  ["keyed bodies", "POST /orders", 3],
  ["bodies that pass through to a service that reads none", "PUT /upload", 5],
] as const)(
  "%s in chunks of one byte take little memory, and their neighbours are served",
  async ([, requestLine, count]) => {
    const gateway = await start();
    const before = await memoryBeside(gateway, 20);
    for (let number = 0; number < count; number += 1) {
      const socket = await dial(gateway.url);
      const lines = ["Host: a", "x-account: acme", `Idempotency-Key: k-${number}`, "Transfer-Encoding: chunked"];
      socket.write([`${requestLine} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
      socket.write(crumbs);
    }
    expect((await memoryBeside(gateway, 30)) - before).toBeLessThan(128);
  },
);

test("as many pipelined requests as fit take little memory, and their connection is closed", async () => {
  const gateway = await start();
  const before = await memoryBeside(gateway, 20);
  const socket = await dial(gateway.url);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write("GET /never HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200_000));
  await closed;
  expect((await memoryBeside(gateway, 20)) - before).toBeLessThan(64);
});
