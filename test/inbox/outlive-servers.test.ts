import { spawn } from "node:child_process";
import { once } from "node:events";
import amqplib from "amqplib";
import { Pool } from "pg";
import { createClient } from "redis";
import { expect, onTestFinished, test } from "vitest";
import { publishToRedisStreams } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { redisStore } from "../../packages/once-again/src/stores/redis/index.ts";
import { databases, pgPool } from "../postgres/databases.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { cutProxy } from "../support/servers/cut-proxy.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { rabbitmqBinary, startRabbitmq } from "../support/servers/rabbitmq.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";

// A client that breaks with its server emits an error, which ends a process that does not listen. Each is as its own guide opens it.

/** A guide's program in a separate process, with some lines after it. */
function startProgram(path: string, env: Record<string, string>, lines: string) {
  const program = new URL(`../../examples/guides/${path}`, import.meta.url).href;
  const source = `const guide = await import(${JSON.stringify(program)});\n${lines}`;
  const args = ["--conditions=@once-again/source", "--input-type=module", "--eval", source];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  return { child, errors: () => errors, ended: once(child, "exit") as Promise<[number | null, string | null]> };
}

describeWithServer("the guide's inbox", postgresBinary, () => {
  const { create } = databases();

  describeWithServer("with RabbitMQ", rabbitmqBinary, () => {
    test("goes on after its broker was killed, and ends in good order on a signal", async () => {
      const database = await create();
      const pool = pgPool(database);
      await pool.query("CREATE TABLE parcels (order_id text NOT NULL, item text NOT NULL)");
      const server = await startRabbitmq();
      onTestFinished(() => server[Symbol.asyncDispose]());
      const send = async (id: string): Promise<void> => {
        const connection = await amqplib.connect(server.url);
        const channel = await connection.createConfirmChannel();
        for (const queue of ["shipping", "shipping.dead"]) {
          await channel.assertQueue(queue, { arguments: { "x-queue-type": "quorum" } });
        }
        channel.sendToQueue("shipping", Buffer.from(JSON.stringify({ id, item: "tea" })), { messageId: id });
        await channel.waitForConfirms();
        await connection.close();
      };
      const parcels = async (count: number): Promise<void> => {
        while ((await pool.query("SELECT * FROM parcels")).rowCount! < count)
          await new Promise((r) => setTimeout(r, 50));
      };
      await send("1");
      const lines = 'process.once("SIGTERM", () => guide.close().then(() => process.exit(0)));';
      const program = startProgram("inbox.ts", { DATABASE_URL: database, RABBITMQ_URL: server.url }, lines);
      await Promise.race([parcels(1), program.ended]);
      await server.kill();
      await server.restart();
      await send("2");
      await Promise.race([parcels(2), program.ended]);
      program.child.kill("SIGTERM");
      expect([await program.ended, program.errors()]).toEqual([[0, null], expect.any(String)]);
      expect((await pool.query("SELECT order_id FROM parcels ORDER BY 1")).rows).toEqual([
        { order_id: "1" },
        { order_id: "2" },
      ]);
    });
  });

  test("a connection that breaks while it is lent ends no process, and the next order is placed", async () => {
    const database = await create();
    const pool = pgPool(database);
    await pool.query("CREATE TABLE orders (id text PRIMARY KEY, item text)");
    const killing = `
      CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.id = '1' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER leaving BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION leave();`;
    await pool.query(killing);
    const lines = `
      const said = await guide.placeOrder("1", "tea").then(() => "placed", (error) => error.code);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await guide.placeOrder("2", "tea");
      console.log(said);
      await guide.relay.close();
      process.exit(0);`;
    const program = startProgram("outbox.ts", { DATABASE_URL: database, SHIPPING_URL: "http://127.0.0.1:9" }, lines);
    let said = "";
    program.child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    expect([await program.ended, said]).toEqual([[0, null], "57P01\n"]);
    expect((await pool.query("SELECT id FROM orders")).rows).toEqual([{ id: "2" }]);
    expect((await pool.query("SELECT topic FROM once_again_outbox")).rows).toEqual([{ topic: "order.placed" }]);
  });

  test("a client that was lent before the pool was handed over is listened to when it is lent again", async () => {
    const pool = new Pool({ connectionString: await create(), max: 1 });
    onTestFinished(() => pool.end());
    (await pool.connect()).release();
    postgresStore(pool);
    const client = await pool.connect();
    expect(client.listenerCount("error")).toBeGreaterThan(0);
    client.release();
    (await pool.connect()).release();
    expect(client.listenerCount("error"), "once").toBe(2);
  });
});

describeWithServer("a client of node-redis", redisBinary, () => {
  test.for([
    ["redisStore", (client: object) => redisStore(client as never)],
    ["publishToRedisStreams", (client: object) => publishToRedisStreams(client as never)],
  ] as const)("that %s was given outlives a connection that breaks", async ([, give]) => {
    const server = await startRedis();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const proxy = await cutProxy(server.port);
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    const client = createClient({ url: `redis://127.0.0.1:${proxy.port}` });
    await client.connect();
    onTestFinished(() => client.destroy());
    const before = client.listenerCount("error");
    give(client);
    give(client);
    expect(client.listenerCount("error") - before).toBe(1);
  });
});
