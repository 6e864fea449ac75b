/**
 * A Nest server whose POST /orders is guarded by `@node-idempotency/nestjs`, as its documentation has it: the module with its storage, and
 * the decorator on the handler. `node server.js express|fastify REDIS_URL WORK_MS [PORT]`; its parent gets the port.
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Body, Controller, Module, Post } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import plugin from "@node-idempotency/nestjs";
import redisStorage from "@node-idempotency/storage-adapter-redis";
import redis from "redis";

const [platform, url, workMs, port = "0"] = process.argv.slice(2);
const storage = new redisStorage.RedisStorageAdapter({ url });
await storage.connect();
const counter = await redis.createClient({ url }).connect();

class Orders {
  async place({ item, ending }) {
    await setTimeout(Number(workMs));
    const id = await counter.incr("beside:effects");
    if (ending === "throws") throw new Error("the handler threw");
    return { id, item };
  }
}

// What TypeScript makes of decorators.
const method = Object.getOwnPropertyDescriptor(Orders.prototype, "place");
Controller("orders")(Orders);
Post()(Orders.prototype, "place", method);
plugin.Idempotent({})(Orders.prototype, "place", method);
Body()(Orders.prototype, "place", 0);

class Shop {
  name = "shop";
}
Module({
  imports: [plugin.NodeIdempotencyModule.forRootAsync({ storage: { adapter: storage } })],
  controllers: [Orders],
})(Shop);

const adapters = { express: ExpressAdapter, fastify: FastifyAdapter };
const app = await NestFactory.create(Shop, new adapters[platform](), { logger: false });
await app.listen(Number(port), "127.0.0.1");
process.send?.({ port: app.getHttpServer().address().port });
process.once("disconnect", () => process.exit());
