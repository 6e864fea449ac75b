import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { heldError, NoEffectError } from "../../packages/once-again/src/engine/index.ts";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { onceFunction } from "../../packages/once-again/src/function/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// Each way that the page of ONCE_HANDLER_FAILED names to get free of a stored failure.

const page = readFileSync("docs/errors/ONCE_HANDLER_FAILED.md", "utf8");

/** A route that fails once, before any effect, in a store that commands can open. */
function failingOnce(failure: Error) {
  const path = join(temporaryFolder(), "keys.db");
  let runs = 0;
  const serve = onceWeb({ store: sqliteStore({ path }), scope: () => "acme", onError: () => undefined }, async () => {
    runs += 1;
    if (runs === 1) throw failure;
    return new Response("made", { status: 201 });
  });
  const post = async (key = "order-7"): Promise<readonly [status: number, isReplay: boolean]> => {
    const headers = { "idempotency-key": key };
    const response = await serve(new Request("http://shop.example/orders", { method: "POST", headers }));
    return [response.status, response.headers.has("idempotent-replayed")];
  };
  const release = [
    "keys",
    "release",
    "acme",
    "order-7",
    "--store",
    `sqlite:${path}`,
    "--reason",
    "nothing there",
    "--yes",
  ];
  return { path, post, release: () => runCli(release) };
}

const failure = new Error("no connection to the bank");

test("a failure is stored, and no command frees its key; a new key runs", async () => {
  const { post, release } = failingOnce(failure);
  expect([await post(), await post()]).toEqual([
    [500, false],
    [500, true],
  ]);
  expect(await release()).toMatchObject({ code: 1, stderr: expect.stringContaining("a result is stored") });
  expect(await post()).toEqual([500, true]);
  expect(await post("order-7-again")).toEqual([201, false]);
});

test("when its record is removed as the page says, the operation runs again", async () => {
  const { path, post } = failingOnce(failure);
  await post();
  const [, statement = ""] = /```sql\n(.*?)```/s.exec(page) ?? [];
  using database = new DatabaseSync(path);
  expect(database.prepare(statement).run().changes).toBe(1);
  expect([await post(), await post()]).toEqual([
    [201, false],
    [201, true],
  ]);
});

test("a NoEffectError leaves the key free", async () => {
  const { post } = failingOnce(new NoEffectError("The bank is closed."));
  expect([await post(), await post()]).toEqual([
    [503, false],
    [201, false],
  ]);
});

test("a held error leaves a key that a person can release", async () => {
  const { post, release } = failingOnce(heldError("The bank broke off."));
  expect([await post(), await post()]).toEqual([
    [409, false],
    [409, false],
  ]);
  expect(await release()).toMatchObject({ code: 0 });
  expect(await post()).toEqual([201, false]);
});

test("a function holds what it throws, without a result, so a person can release it", async () => {
  const path = join(temporaryFolder(), "keys.db");
  let runs = 0;
  const charge = onceFunction(
    { store: sqliteStore({ path }), scope: "acme", key: (id: string) => id, onError: () => undefined },
    () => {
      runs += 1;
      if (runs === 1) throw failure;
      return "charged";
    },
  );
  await expect(charge("order-7")).rejects.toBe(failure);
  await expect(charge("order-7")).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  const flags = ["--store", `sqlite:${path}`, "--reason", "nothing there", "--yes"];
  expect(await runCli(["keys", "release", "acme", "order-7", ...flags])).toMatchObject({ code: 0 });
  expect(await charge("order-7")).toBe("charged");
});
