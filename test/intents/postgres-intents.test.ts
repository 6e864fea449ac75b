import { Client, Pool } from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { IntentStore } from "../../packages/once-again/src/intents/index.ts";
import { postgresIntents } from "../../packages/once-again/src/stores/postgres/index.ts";
import type { PostgresClient } from "../../packages/once-again/src/stores/postgres/client.ts";
import { intentContract } from "../../packages/testing/src/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";

/** The ways to a store that users have. */
const clients: Record<string, (url: string) => { client: PostgresClient; end: () => Promise<unknown> }> = {
  "a Pool of pg": (url) => {
    const client = new Pool({ connectionString: url });
    return { client, end: () => client.end() };
  },
  "the sql of postgres": (url) => {
    const client = postgres(url, { onnotice: () => undefined });
    return { client, end: () => client.end() };
  },
};

describeWithServer("intents in PostgreSQL", postgresBinary, () => {
  let server: PrivateServer;
  let databases = 0;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** The URL of a new database. */
  const database = async (): Promise<string> => {
    databases += 1;
    const client = new Client({ connectionString: server.url });
    await client.connect();
    await client.query(`CREATE DATABASE test_${databases}`);
    await client.end();
    return server.url.replace(/[^/]+$/, `test_${databases}`);
  };

  describe.for(Object.keys(clients))("through %s", (name) => {
    const urls = new Map<string, Promise<string>>();
    const open = async (intents: string): Promise<IntentStore> => {
      const url = urls.get(intents) ?? database();
      urls.set(intents, url);
      const { client, end } = clients[name]!(await url);
      const store = postgresIntents(client);
      await store.migrate();
      return { ...store, close: async () => void (await end()) };
    };
    for (const { name, run } of intentContract({ open })) test(name, run);

    test("any number of processes may migrate at a time, and again", async () => {
      const url = await database();
      const opened = Array.from({ length: 8 }, () => clients[name]!(url));
      onTestFinished(async () => void (await Promise.all(opened.map(({ end }) => end()))));
      await Promise.all(opened.map(({ client }) => postgresIntents(client).migrate()));
      await postgresIntents(opened[0]!.client).migrate();
      expect(await postgresIntents(opened[0]!.client).list({})).toEqual([]);
    });
  });
});
