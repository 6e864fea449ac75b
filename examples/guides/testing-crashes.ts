import assert from "node:assert/strict";
import { test } from "node:test";
import { crashAtEachPoint } from "@once-again/testing";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
await pool.query("CREATE TABLE IF NOT EXISTS charges (amount integer NOT NULL)");

void test("a charge happens once, wherever its process dies", async () => {
  const reports = await crashAtEachPoint({
    command: [process.execPath, ...process.execArgv, "examples/guides/testing-crash-server.ts"],
    path: "/charges",
    body: '{"amount":420}',
    effects: async () => Number((await pool.query("SELECT count(*) FROM charges")).rows[0].count),
  });
  assert.deepEqual(
    reports.map(({ name, verdict }) => [name, verdict]),
    [
      ["asked", "safe"],
      ["charged", "safe"],
    ],
  );
  await pool.end();
});
