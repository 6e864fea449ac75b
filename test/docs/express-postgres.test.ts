import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Client } from "pg";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { insteadOfPort3000 } from "../support/literal-port.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { serverPort } from "../support/servers/server-port.ts";

// The programs of docs/guides/express-postgres.md, as they stand there.

describeWithServer("Express + PostgreSQL", postgresBinary, () => {
  let postgres: PrivateServer;

  beforeAll(async () => {
    postgres = await startPostgres();
    return () => postgres[Symbol.asyncDispose]();
  });

  /** Runs a program with a new database, which has its tables. */
  async function shop() {
    const admin = new Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query("DROP DATABASE IF EXISTS shop WITH (FORCE)");
    await admin.query("CREATE DATABASE shop");
    await admin.end();
    const flags = ["--conditions=@once-again/source", ...insteadOfPort3000(await serverPort())];
    const { hostname, port, username } = new URL(postgres.url);
    const env = { ...process.env, PGHOST: hostname, PGPORT: port, PGUSER: username };
    return (program: string, ...args: string[]) => {
      const path = `examples/express-postgres/${program}`;
      const child = spawn(process.execPath, [...flags, path, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
      onTestFinished(() => void child.kill());
      return child;
    };
  }

  test.for(["leased.ts", "transactional.ts"])(
    "%s charges once for a payment that is asked for twice",
    async (program) => {
      const start = await shop();
      const server = start(program);
      await once(server.stdout, "data");
      expect(await text(start("charge.ts").stdout)).toBe('201 {"charge":1} replayed: false\n');
      expect(await text(start("charge.ts").stdout)).toBe('201 {"charge":1} replayed: true\n');
    },
  );

  test.for([
    ["leased.ts", "ONCE_OUTCOME_UNKNOWN"],
    ["transactional.ts", '201 {"charge":2}'],
  ] as const)("%s, killed in the middle of a charge, leaves one charge: %s", async (row) => {
    const [program, answered] = row;
    const start = await shop();
    const printed = await text(start("kill.ts", program).stdout);
    expect(printed).toBe(`killed, with the INSERT on its way\nthe caller gets: ${answered}\ncharges: 1\n`);
  });
});
