import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { conformanceCases, verify } from "../../packages/tools/src/verify/index.ts";
import { startHttpServer } from "../support/http-server.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

function start(program: string, environment: Record<string, string>) {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", program], {
    env: { ...process.env, ...environment },
    // The error of serve.ts at broken JSON goes to stderr.
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill());
  return child;
}

test("examples/guides/verify-server.ts finds no failure in examples/serve.ts", async () => {
  const port = String(await serverPort());
  const server = start("examples/serve.ts", { PORT: port, KEYS_DB: join(temporaryFolder(), "keys.db") });
  await once(server.stdout, "data");
  const verified = start("examples/guides/verify-server.ts", { ORDERS_URL: `http://127.0.0.1:${port}/orders` });
  expect(await text(verified.stdout)).toBe(`0 of ${conformanceCases.length} cases failed\n`);
});

test("a server is not blamed, when its answers only repeat their requests, for effects that look the same", async () => {
  const url = await startHttpServer(async (request, response) => {
    response.writeHead(201).end(`${String(request.headers["idempotency-key"])} ${await text(request)}`);
  });
  const { cases } = await verify({
    url,
    body: '{"reference":"{{unique}}"}',
    headers: [["Authorization", "acme"]],
    otherHeaders: [["Authorization", "other"]],
    only: ["S01", "S03", "S04", "S05"],
  });
  expect(cases.map(({ id, kind }) => [id, kind])).toEqual(
    ["S01", "S03", "S04", "S05"].map((id) => [id, "not-applicable"]),
  );
});
