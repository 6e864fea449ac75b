import { setTimeout } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { databases, pgPool } from "../postgres/databases.ts";
import { startChild } from "../support/child.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { startNats } from "../support/servers/nats.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { startRabbitmq } from "../support/servers/rabbitmq.ts";
import { startRedis } from "../support/servers/redis.ts";
import { closeLater, emptied, openJetstream, openRabbitmq, openRedis } from "./brokers.ts";
import type { ChildTask } from "./consumer-child.ts";

describeWithServer("a consumer that is killed between its effect and its acknowledgement", postgresBinary, () => {
  const { create } = databases();
  const servers = {
    rabbitmq: startRabbitmq,
    jetstream: () => startNats(),
    redis: () => startRedis(),
    bullmq: () => startRedis(),
  };

  /** Puts one message into the broker, and says how to wait until it is acknowledged. */
  const sends: Record<ChildTask["broker"], (server: PrivateServer) => Promise<() => Promise<void>>> = {
    async rabbitmq(server) {
      const broker = await openRabbitmq(server);
      await broker.send("order-7", "tea");
      return () => emptied(broker);
    },
    async jetstream(server) {
      const broker = await openJetstream(server);
      const connection = closeLater(await connect({ servers: server.url }));
      await (await jetstreamManager(connection)).consumers.update("orders", "billing", { max_ack_pending: 1 });
      await broker.send("order-7", "tea");
      return () => emptied(broker);
    },
    async redis(server) {
      const broker = await openRedis("ioredis")(server);
      await broker.send("order-7", "tea");
      return () => emptied(broker);
    },
    async bullmq(server) {
      const connection = new Redis(server.url, { maxRetriesPerRequest: null });
      onTestFinished(() => connection.disconnect());
      const queue = closeLater(new Queue("billing", { connection }));
      await queue.add("charge", "tea", { jobId: "order-7" });
      return async () => {
        while ((await queue.getCompletedCount()) < 1) await setTimeout(20);
      };
    },
  };

  const tasks: readonly Pick<ChildTask, "broker" | "highWaterMark">[] = [
    { broker: "rabbitmq" },
    { broker: "jetstream" },
    { broker: "jetstream", highWaterMark: true },
    { broker: "redis" },
    { broker: "bullmq" },
  ];
  test.for(tasks)(
    "has no second effect: $broker, with a high-water mark: $highWaterMark",
    async ({ broker, highWaterMark }) => {
      const server = await servers[broker]();
      onTestFinished(() => server[Symbol.asyncDispose]());
      const database = await create();
      const pool = pgPool(database);
      await postgresStore(pool).migrate();
      await pool.query("CREATE TABLE effects (body text NOT NULL)");
      const acknowledged = await sends[broker](server);
      const start = (isStuck: boolean) =>
        startChild(
          "../inbox/consumer-child.ts",
          JSON.stringify({ broker, highWaterMark, url: server.url, database, isStuck } satisfies ChildTask),
        );
      const next = async (child: ReturnType<typeof start>): Promise<void> => {
        while ((await child.line()) !== "acknowledging");
      };
      const first = start(true);
      await next(first);
      const effects = async () => (await pool.query("SELECT trim(body, '\"') AS body FROM effects")).rows;
      expect(await effects(), "the effect has committed").toEqual([{ body: "tea" }]);
      await first.kill();
      const second = start(false);
      await next(second);
      await acknowledged();
      const records = await pool.query("SELECT FROM once_again_keys");
      expect(records.rowCount, "a mark takes the place of records").toBe(highWaterMark === true ? 0 : 1);
      expect(await effects(), "the message came again, and had no second effect").toEqual([{ body: "tea" }]);
    },
  );
});
