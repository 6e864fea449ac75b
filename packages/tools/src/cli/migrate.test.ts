import { existsSync } from "node:fs";
import { join } from "node:path";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { cliDocument, runCli } from "../../../../test/support/cli.ts";
import { mariadbPool } from "../../../../test/mariadb/databases.ts";
import { describeWithServer } from "../../../../test/support/servers/describe-with-server.ts";
import { mariadbBinary, startMariadb } from "../../../../test/support/servers/mariadb.ts";
import { postgresBinary, startPostgres } from "../../../../test/support/servers/postgres.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { exitCodes } from "once-again/internal/command";

// The tests start servers, and each command is a separate process.
/** Makes the tables of a store by the command, twice. */
async function migrateByUrl(url: string): Promise<void> {
  const before = await runCli(["keys", "list", "--store", url]);
  expect(before).toMatchObject({ code: exitCodes.usage, stdout: "" });
  for (let run = 1; run <= 2; run += 1) {
    expect(await cliDocument("migrate", "--store", url)).toEqual({
      code: exitCodes.fine,
      document: { migrated: true },
    });
  }
  expect(await cliDocument("keys", "list", "--store", url)).toMatchObject({ code: exitCodes.fine });
}

test("a SQLite file is made, and holds keys then", async () => {
  await migrateByUrl(`sqlite:${join(temporaryFolder(), "keys.db")}`);
});

test("--print prints the SQL, and makes nothing", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const { code, stdout } = await runCli(["migrate", "--store", `sqlite:${path}`, "--print"]);
  expect({ code, stdout }).toEqual({ code: exitCodes.fine, stdout: expect.stringContaining("once_again_keys") });
  expect(existsSync(path)).toBe(false);
  // No server listens there: printing needs none.
  const printed = await cliDocument("migrate", "--store", "postgres://127.0.0.1:1/x?tablePrefix=shop_", "--print");
  expect(printed).toEqual({
    code: exitCodes.fine,
    document: { sql: expect.stringContaining("CREATE TABLE IF NOT EXISTS shop_keys") },
  });
});

test("--outbox is for its tables, too", async () => {
  const path = join(temporaryFolder(), "shop.db");
  const printed = await runCli(["migrate", "--store", `sqlite:${path}`, "--outbox", "--print"]);
  expect(printed.stdout).toMatch(/once_again_keys.*CREATE TABLE IF NOT EXISTS once_again_outbox/s);
  expect(existsSync(path)).toBe(false);
  const url = "mysql://127.0.0.1:1/x?tablePrefix=shop_";
  const { stdout } = await runCli(["migrate", "--store", url, "--outbox", "--print"]);
  expect(stdout).toMatch(/shop_keys.*shop_outbox/s);
  for (let run = 1; run <= 2; run += 1) {
    expect(await cliDocument("migrate", "--store", `sqlite:${path}`, "--outbox")).toEqual({
      code: exitCodes.fine,
      document: { migrated: true },
    });
  }
  expect(await cliDocument("messages", "list", "--store", `sqlite:${path}`)).toMatchObject({ code: exitCodes.fine });
});

test("a URL that is invalid, or of no store, is wrong usage, and is not repeated", async () => {
  for (const store of ["postgres://[", "http://user:secret@127.0.0.1/", "user:secret@127.0.0.1"]) {
    const { code, stderr } = await runCli(["migrate", "--store", store]);
    expect({ code, stderr }).toEqual({
      code: exitCodes.usage,
      stderr: expect.stringMatching(/The (URL of the )?store .*|There is no store for/),
    });
    expect(stderr).not.toContain("secret");
  }
});

describeWithServer("PostgreSQL", postgresBinary, () => {
  test("the tables are made, or brought up to date", async () => {
    const server = await startPostgres();
    onTestFinished(() => server[Symbol.asyncDispose]());
    await migrateByUrl(server.url);
    const pool = new Pool({ connectionString: server.url });
    onTestFinished(() => pool.end());
    expect((await pool.query("SELECT to_regclass('once_again_keys') AS keys")).rows).toEqual([
      { keys: "once_again_keys" },
    ]);
  });
});

describeWithServer("MariaDB", mariadbBinary, () => {
  test("the tables are made, or brought up to date", async () => {
    const server = await startMariadb();
    onTestFinished(() => server[Symbol.asyncDispose]());
    await mariadbPool(server.url).query("CREATE DATABASE shop");
    await migrateByUrl(server.url.replace(/[^/]+$/, "shop"));
  });
});
