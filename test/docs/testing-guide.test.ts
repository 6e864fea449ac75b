import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { startHttpServer } from "../support/http-server.ts";

function start(program: string, environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", "--test-reporter=tap", program], {
    // A runner inside this one would report to it.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  return child;
}

/** Runs a guide's program under node:test. */
async function ran(guide: string, environment?: Record<string, string>) {
  const child = start(`examples/guides/${guide}.ts`, environment);
  const ended = once(child, "exit");
  const output = await text(child.stdout);
  const [code] = (await ended) as [number];
  return { code, output };
}

const passed = { code: 0, output: expect.stringMatching(/^# pass [1-9]\d*\n# fail 0$/m) };

test.for(["testing-handler", "testing-express", "testing-caller", "testing-time", "testing-inbox"])(
  "examples/guides/%s.ts passes as it stands there",
  async (guide) => {
    expect(await ran(guide)).toEqual(passed);
  },
);

test("examples/guides/testing-url.ts passes at a server of ours", async () => {
  let orders = 0;
  const make = onceNode({ store: memoryStore(), scope: "public" }, (_request, response) => {
    response.writeHead(201).end(`order ${(orders += 1)}`);
  });
  const url = await startHttpServer((request, response) => {
    if (request.url === "/count") response.end(String(orders));
    else void make(request, response);
  });
  expect(await ran("testing-url", { ORDERS_SERVER: url })).toEqual(passed);
});

test("and fails at the careless server, with the story of what broke", async () => {
  const port = await serverPort();
  const server = start("examples/careless-server.ts", { PORT: String(port) });
  await once(server.stdout, "data");
  const { code, output } = await ran("testing-url", { ORDERS_SERVER: `http://127.0.0.1:${port}` });
  expect(code).toBe(1);
  expect(output).toMatch(/It is not safe to send again: 6 of 6 trials broke it\./);
  expect(output).toMatch(/BROKEN {2}answer-lost: /);
});

describeWithServer("examples/guides/testing-crashes.ts", postgresBinary, () => {
  test("charges once, wherever its server dies", async () => {
    await using server = await startPostgres();
    expect(await ran("testing-crashes", { DATABASE_URL: server.url })).toEqual(passed);
  });
});
