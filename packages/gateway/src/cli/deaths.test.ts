import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { startGatewayCommand } from "../../../../test/support/gateway-command.ts";
import { posted, startHttpServer } from "../../../../test/support/http-server.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";

const acme = { headers: { "x-account": "acme" } };

const flagsTo = (upstream: string): string[] => [
  ...["--upstream", upstream, "--store", `sqlite:${join(temporaryFolder(), "keys.db")}`],
  ...["--scope", "header:x-account", "--port", "0"],
];

/** A service that lets orders wait until they are released. */
async function startSlowService() {
  const isAsked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const url = await startHttpServer(async (request, response) => {
    request.resume();
    if (request.method === "POST") {
      isAsked.resolve();
      await released.promise;
    }
    response.writeHead(201).end("done");
  });
  return { url, isAsked: isAsked.promise, release: released.resolve };
}

/** An environment in which each process of the command throws an error that nothing catches, on SIGUSR2. */
function throwingEnvironment(): Record<string, string> {
  const file = join(temporaryFolder(), "throw.mjs");
  writeFileSync(file, `process.on("SIGUSR2", () => { throw new Error("out of nowhere"); });`);
  return { NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import=${file}` };
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);

async function lineWith(said: () => Promise<string>, part: string): Promise<string> {
  for (;;) {
    const line = await said();
    if (line === "" || line.includes(part)) return line;
  }
}

test("an error that nothing catches ends the process when its running operations have ended, with exit code 1", async () => {
  const service = await startSlowService();
  let ended: Promise<unknown[]> | undefined;
  const gateway = await startGatewayCommand(flagsTo(service.url), throwingEnvironment(), (child) => {
    ended = once(child, "exit");
  });
  const order = posted(gateway.url, "k-1", acme);
  await service.isAsked;
  gateway.signal("SIGUSR2");
  expect(await lineWith(gateway.said, "out of nowhere")).toContain("An error that nothing caught ends this process");
  // New callers are refused by now, or soon.
  await expect
    .poll(() =>
      fetch(gateway.url).then(
        () => "served",
        () => "refused",
      ),
    )
    .toBe("refused");
  service.release();
  expect(await order).toEqual({ status: 201, text: "done", replayed: false });
  expect(await ended).toEqual([1, null]);
});

test("an error that nothing catches ends its worker alone, which has a successor", async () => {
  const url = await startHttpServer((_request, response) => response.end("fine"));
  const gateway = await startGatewayCommand([...flagsTo(url), "--workers", "2"], throwingEnvironment());
  const [first] = childrenOf(gateway.pid);
  process.kill(first!, "SIGUSR2");
  expect(await lineWith(gateway.said, "died")).toContain(
    `The worker ${first} died (exit code 1), and has a successor.`,
  );
  expect(await (await fetch(gateway.url)).text()).toBe("fine");
  await expect.poll(() => childrenOf(gateway.pid)).toHaveLength(2);
  expect(await gateway.end()).toBe(0);
});

test("connections of workers that are killed are answered by their successors, or closed", async () => {
  const url = await startHttpServer((_request, response) => response.end("fine"));
  const gateway = await startGatewayCommand([...flagsTo(url), "--workers", "2"]);
  const workers = childrenOf(gateway.pid);
  for (const worker of workers) process.kill(worker, "SIGSTOP");
  const sockets = await Promise.all(Array.from({ length: 8 }, () => ask(gateway.url)));
  for (const worker of workers) process.kill(worker, "SIGKILL");
  for (const socket of sockets) expect(await text(socket).catch(() => "")).toMatch(/^$|^HTTP\/1\.1 200 [^]*fine$/);
  expect(await gateway.end()).toBe(0);
});

/** Sends a request over a new connection. */
async function ask(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return socket;
}

test.each([1, 2])("a reader of the log that leaves ends no gateway of %s processes", async (workers) => {
  const url = await startHttpServer((request, response) => {
    request.resume();
    response.writeHead(201).end("done");
  });
  let started: ChildProcess | undefined;
  const flags = [...flagsTo(url), "--access-log", "--workers", String(workers)];
  // As the command of another copy of once-again does that loads this one.
  const other = "--import=data:text/javascript,process.stdout.on('error',()=>process.exit(7))";
  const NODE_OPTIONS = `${process.env["NODE_OPTIONS"] ?? ""} ${other}`;
  const gateway = await startGatewayCommand(flags, { NODE_OPTIONS }, (child) => (started = child));
  started!.stdout!.destroy();
  const orders = ["k-1", "k-2", "k-3", "k-4"];
  for (const key of orders) expect((await posted(gateway.url, key, acme)).status).toBe(201);
  expect(await lineWith(gateway.said, "can't be written")).toContain("EPIPE");
  expect((await posted(gateway.url, "k-5", acme)).status).toBe(201);
  expect(await gateway.end()).toBe(0);
});
