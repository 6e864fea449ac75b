import { execFile } from "node:child_process";
import { promisify } from "node:util";
import amqplib from "amqplib";
import { expect, onTestFinished, test } from "vitest";
import { databases, pgPool } from "../postgres/databases.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { startRabbitmq } from "../support/servers/rabbitmq.ts";

const program = new URL("../../examples/guides/inbox.ts", import.meta.url).href;

describeWithServer("the guide's program", postgresBinary, () => {
  const { create } = databases();

  test("packs one parcel for a message that comes twice, and announces it once", async () => {
    const database = await create();
    const pool = pgPool(database);
    await pool.query("CREATE TABLE parcels (order_id text NOT NULL, item text NOT NULL)");
    const server = await startRabbitmq();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const connection = await amqplib.connect(server.url);
    const channel = await connection.createConfirmChannel();
    for (const queue of ["shipping", "shipping.dead"]) await channel.assertQueue(queue);
    const order = Buffer.from('{"id":"7","item":"tea"}');
    for (const messageId of ["a", "a"]) channel.sendToQueue("shipping", order, { messageId });
    // Its work takes no such message: with it, all those before are handled.
    channel.sendToQueue("shipping", Buffer.from("no JSON"), { messageId: "b" });
    await channel.waitForConfirms();
    const letter = Promise.withResolvers<unknown>();
    await channel.consume("shipping.dead", (message) => letter.resolve(message?.properties.headers));
    const lines = `
      const { close } = await import(${JSON.stringify(program)});
      process.stdin.once("data", () => close().then(() => process.exit()));`;
    const args = ["--conditions=@once-again/source", "--input-type=module", "--eval", lines];
    const env = { ...process.env, DATABASE_URL: database, RABBITMQ_URL: server.url };
    const run = promisify(execFile)(process.execPath, args, { env });
    expect(await letter.promise).toMatchObject({ "dead-letter-reason": "rejected" });
    run.child.stdin!.write("close\n");
    await run;
    await connection.close();
    expect((await pool.query("SELECT * FROM parcels")).rows).toEqual([{ order_id: "7", item: "tea" }]);
    expect((await pool.query("SELECT topic FROM once_again_outbox")).rows).toEqual([{ topic: "parcel.packed" }]);
  });
});
