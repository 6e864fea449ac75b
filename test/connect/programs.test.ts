import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { errorMetadata } from "../../packages/once-again/src/connect/index.ts";
import { Orders } from "../../examples/connect/orders.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

const callWith = (key: string) => ({ headers: { "idempotency-key": key } });

async function startShop(path: string) {
  const child: ChildProcess = spawn(process.execPath, ["test/connect/shop-child.ts", path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  const reader = createInterface(child.stdout!).on("line", (line) => lines.push(line));
  const [line] = (await once(reader, "line")) as [string];
  const baseUrl = `http://127.0.0.1:${line.replace("port ", "")}`;
  const client = createClient(Orders, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
  const kill = async (): Promise<void> => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  return { client, lines, kill };
}

test("a process that was killed has done what it answered, and the next one holds what it had begun", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const first = await startShop(path);
  const receipt = await first.client.create({ item: "tea" }, callWith("k1"));
  const lost = first.client.create({ item: "stop" }, callWith("k2")).catch((error: unknown) => error);
  await expect.poll(() => first.lines, { timeout: waitMsMax }).toContain("order stop");
  await first.kill();
  await lost;
  const next = await startShop(path);
  expect(await next.client.create({ item: "tea" }, callWith("k1"))).toEqual(receipt);
  const repeat = () =>
    next.client.create({ item: "stop" }, callWith("k2")).catch((error: { code: Code; metadata: Headers }) => ({
      code: error.code,
      own: error.metadata.get(errorMetadata),
      pushback: error.metadata.get("grpc-retry-pushback-ms"),
    }));
  // Until its lease is over it may still be running.
  await expect.poll(repeat, { timeout: waitMsMax }).toEqual({
    code: Code.FailedPrecondition,
    own: "ONCE_OUTCOME_UNKNOWN",
    pushback: "-1",
  });
  expect(next.lines).toEqual([expect.stringContaining("port")]);
});

function start(program: string, environment: Record<string, string>) {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", `examples/connect/${program}.ts`], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("the guide's client calls its server, and a second one gets the same order", async () => {
  const server = start("server", { PORT: "0", KEYS_DB: join(temporaryFolder(), "keys.db") });
  const [line] = (await once(createInterface(server.stdout), "line")) as [string];
  const [, port] = /port: (\d+)/.exec(line)!;
  for (let time = 0; time < 2; time += 1) {
    const printed = await text(start("client", { ORDERS_URL: `http://127.0.0.1:${port}` }).stdout);
    expect(printed).toContain("id: 'order-1'");
  }
});
