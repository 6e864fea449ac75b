import { join } from "node:path";
import { expect, test } from "vitest";
import { cliDocument, runCli } from "../../../../../test/support/cli.ts";
import { startChild } from "../../../../../test/support/child.ts";
import { startHttpServer, post } from "../../../../../test/support/http-server.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { onceNode } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";

/** Leaves a key behind, after its worker was killed while its handler ran. */
async function heldKey(path: string): Promise<void> {
  const child = startChild("held-child.ts", path);
  const ended = post(await child.line()).then(
    () => "answered",
    () => "lost",
  );
  expect(await child.line()).toBe("running");
  await child.kill();
  expect(await ended).toBe("lost");
  const list = ["keys", "list", "--store", `sqlite:${path}`, "--state", "held"];
  const held = { keys: [{ scope: "acme", key: "order-7", attempt: 1 }] };
  await expect.poll(async () => (await cliDocument(...list)).document).toMatchObject(held);
}

/** The next server on the same store. */
async function nextServer(path: string): Promise<string> {
  const store = sqliteStore({ path });
  const orders = onceNode({ store, scope: () => "acme" }, (_request, response) => void response.end("ran afresh"));
  return startHttpServer((request, response) => void orders(request, response));
}

test("a killed worker's key is held, shown, resolved, and answered by the server with what the operator gave", async () => {
  const path = join(temporaryFolder(), "keys.db");
  await heldKey(path);
  const url = await nextServer(path);
  expect((await post(url)).status).toBe(409);

  const shown = await runCli(["keys", "show", "--store", `sqlite:${path}`, "acme", "order-7"]);
  expect(shown.stdout).toMatch(/^state +held: its worker ended without a result/m);

  const answer = ["--status", "201", "--header", "location: /orders/7", "--body", '{"order":7}'];
  const resolved = await runCli([
    "keys",
    "resolve",
    "--store",
    `sqlite:${path}`,
    "acme",
    "order-7",
    ...answer,
    ...["--reason", "the order is there", "--yes"],
  ]);
  expect(resolved).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Settled: every repeat gets HTTP 201, 11 bytes.\n"),
  });

  const replayed = await post(url);
  expect([replayed.status, await replayed.text()]).toEqual([201, '{"order":7}']);
  expect(Object.fromEntries(replayed.headers)).toMatchObject({ location: "/orders/7", "idempotent-replayed": "true" });
  expect((await post(url, "order-7", { body: "another" })).status).toBe(422);
});

test("a killed worker's key is released, and the next repeat runs afresh", async () => {
  const path = join(temporaryFolder(), "keys.db");
  await heldKey(path);
  const url = await nextServer(path);
  expect(
    (await runCli(["keys", "release", "--store", `sqlite:${path}`, "acme", "order-7", "--yes", "--reason", "seen"]))
      .code,
  ).toBe(0);
  expect(await (await post(url)).text()).toBe("ran afresh");
});
