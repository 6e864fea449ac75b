import "reflect-metadata";
import { createServer, type Server } from "node:http";
import { Router } from "@koa/router";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import type { Response } from "express";
import { fastify } from "fastify";
import Koa from "koa";
import { expect, onTestFinished, test } from "vitest";
import { onceExpress } from "../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../packages/once-again/src/frameworks/fastify.ts";
import { onceKoa } from "../packages/once-again/src/frameworks/koa.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import { assertIdempotentHandler } from "../packages/testing/src/index.ts";

// The servers of frameworks, handed to `assertIdempotentHandler` as docs/guides/testing.md says.

const rules = () => ({ store: memoryStore(), scope: "public" }) as const;

/** Makes a server that calls `order` for each order. */
type Serve = (order: () => number) => Promise<Server>;

const servers: Readonly<Record<string, Serve>> = {
  async koa(order) {
    const router = new Router().post("/orders", onceKoa(rules()), (context) => {
      context.status = 201;
      context.body = { order: order() };
    });
    return createServer(new Koa().use(router.routes()).callback());
  },
  async fastify(order) {
    const app = fastify();
    onTestFinished(() => app.close());
    app.post("/orders", onceFastify(rules()), async (_request, reply) => reply.status(201).send({ order: order() }));
    await app.ready();
    return app.server;
  },
  async nest(order) {
    class App {}
    Module({})(App);
    const app = await NestFactory.create<NestExpressApplication>(App, { logger: false, bodyParser: false });
    onTestFinished(() => app.close());
    app.use("/orders", onceExpress(rules()), (_request: unknown, response: Response) => {
      response.status(201).json({ order: order() });
    });
    await app.init();
    return app.getHttpServer();
  },
};

test.for(Object.entries(servers))("the server of %s", async ([, serve]) => {
  let orders = 0;
  const server = await serve(() => (orders += 1));
  const options = { path: "/orders", body: '{"reference":"{{unique}}"}', effects: () => orders };
  expect((await assertIdempotentHandler(server, options)).map(({ verdict }) => verdict)).toEqual(Array(6).fill("safe"));
});
