import { Client } from "pg";
import { expect, test } from "vitest";
import { describeWithServer } from "./describe-with-server.ts";
import { postgresBinary, startPostgres } from "./postgres.ts";

describeWithServer("a private PostgreSQL", postgresBinary, () => {
  test("keeps what it committed when it is killed, and comes back on the same port", async () => {
    await using server = await startPostgres();
    await withClient(server.url, (client) => client.query("CREATE TABLE t AS SELECT 7 AS value"));
    await server.kill();
    await expect(withClient(server.url, (client) => client.query("SELECT 1"))).rejects.toThrow("ECONNREFUSED");
    await server.restart();
    const { rows } = await withClient(server.url, (client) => client.query("SELECT value FROM t"));
    expect(rows).toEqual([{ value: 7 }]);
    await server.stop();
    await server.restart();
    const synced = await withClient(server.url, (client) => client.query("SHOW fsync"));
    expect(synced.rows).toEqual([{ fsync: "on" }]);
  });
});

async function withClient<Value>(url: string, use: (client: Client) => Promise<Value>): Promise<Value> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
