import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import { fastify } from "fastify";
import { Hono } from "hono";
import { timeout } from "hono/timeout";
import type { PoolClient } from "pg";
import { describe, expect, test } from "vitest";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceHono } from "../../packages/once-again/src/frameworks/hono.ts";
import type { PostgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { startHttpServer, posted } from "../support/http-server.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { databases } from "./databases.ts";
import { storesWithEffects } from "./stores-with-effects.ts";
import { firstOnly } from "../support/first-only.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

type Handle = (transaction: PoolClient) => Promise<void>;
type Listener = (request: IncomingMessage, response: ServerResponse) => void;

interface Served {
  store: PostgresStore<PoolClient>;
  onError: (error: unknown) => void;
  handle: Handle;
}

/** Of the first request; a repeat has more time than it can take. */
const timeoutMs = 50;

/** The time-out of each request, in their order. */
function firstLimited(): () => number {
  let requests = 0;
  return () => ((requests += 1) === 1 ? timeoutMs : waitMsMax);
}

/** Each with the time-out that its users have, behind once-again: it answers while the handler is still at work. */
const frameworks: Record<string, (served: Served) => Promise<Listener> | Listener> = {
  Express: ({ store, onError, handle }) => {
    const once = onceExpress({ mode: "transactional", store, scope: "public", onError });
    const limited = firstLimited();
    return express().post("/", once, async (_request, response) => {
      const timer = setTimeout(() => response.status(503).end("too slow"), limited());
      await handle(response.locals.once!.transaction).catch(() => undefined);
      clearTimeout(timer);
      if (!response.writableEnded) response.status(201).end("made");
    });
  },
  Fastify: async ({ store, onError, handle }) => {
    const once = onceFastify({ mode: "transactional", store, scope: "public", onError });
    const limited = firstLimited();
    const app = fastify();
    app.post("/", once, async (request, reply) => {
      const made = handle(request.once.transaction as PoolClient).then(
        () => 201,
        () => 500,
      );
      const status = await Promise.race([made, new Promise<number>((resolve) => setTimeout(resolve, limited(), 503))]);
      return reply.code(status).send("answered");
    });
    await app.ready();
    return app.routing.bind(app);
  },
  Hono: ({ store, onError, handle }) => {
    const once = onceHono({ mode: "transactional", store, scope: "public", onError });
    const app = new Hono().use("/", once).post("/", firstOnly(timeout(timeoutMs)), async (context) => {
      await handle(context.get("once").transaction);
      return context.text("made", 201);
    });
    return getRequestListener(app.fetch);
  },
};

describeWithServer("a time-out that is not ours, in a PostgreSQL transaction", postgresBinary, () => {
  const { create } = databases();

  describe.for(Object.entries(frameworks))("of %s", ([, serve]) => {
    test("undoes what was written, and what comes late is refused: one key, one row", async () => {
      const { stores, effects } = await storesWithEffects(await create());
      const errors: unknown[] = [];
      const answered = Promise.withResolvers<void>();
      const late = Promise.withResolvers<unknown>();
      let runs = 0;
      const handle: Handle = async (transaction) => {
        runs += 1;
        const run = runs;
        await transaction.query("INSERT INTO effects VALUES ($1)", [`run ${run}`]);
        if (run > 1) return;
        await answered.promise;
        const writing = transaction.query("INSERT INTO effects VALUES ('late')");
        late.resolve(await writing.catch((error: unknown) => error));
      };
      const url = await startHttpServer(
        await serve({ store: stores.pg, onError: (error) => errors.push(error), handle }),
      );
      const first = await posted(`${url}/`);
      expect(first.status).toBeGreaterThanOrEqual(500);
      answered.resolve();
      const ended = expect.objectContaining({ code: "ONCE_OPERATION_ENDED" }) as Error;
      expect(await late.promise).toEqual(ended);
      expect(errors).toContainEqual(ended);
      expect(await effects()).toEqual([]);
      expect(await posted(`${url}/`)).toMatchObject({ status: 201, replayed: false });
      expect(await posted(`${url}/`)).toMatchObject({ status: 201, replayed: true });
      expect(await effects()).toEqual(["run 2"]);
    });
  });
});
