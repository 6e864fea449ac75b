import timeout from "connect-timeout";
import cookieSession from "cookie-session";
import express, { type NextFunction, type Request, type Response } from "express";
import { fastify } from "fastify";
import Koa from "koa";
import responseTime from "response-time";
import serverless from "serverless-http";
import { describe, expect, onTestFinished, test } from "vitest";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { appDatabase, insertOrder } from "../support/app-database.ts";
import { dial } from "../support/dial.ts";
import { startHttpServer, post, posted } from "../support/http-server.ts";
import { until } from "../support/until.ts";
import { firstOnly } from "../support/first-only.ts";

// How each framework, and the middleware that people put around it, treats an operation.

const options = (onError: (error: unknown) => void = () => undefined) =>
  ({ store: memoryStore(), scope: "public", waitMs: 20_000, onError }) as const;

describe("requests that no socket brought", () => {
  test("Fastify's inject, with an object, a text, a stream and a chain", async () => {
    const app = fastify();
    onTestFinished(() => app.close());
    app.post("/orders", onceFastify(options()), async (request) => ({ got: request.body, key: request.once.key }));
    const payloads: [string, unknown][] = [
      ["object", { item: "tea" }],
      ["text", '{"item":"tea"}'],
    ];
    for (const [key, payload] of payloads) {
      const request = {
        method: "POST",
        url: "/orders",
        headers: { "idempotency-key": key, "content-type": "application/json" },
        payload: payload as object,
      } as const;
      const [first, repeat] = [await app.inject(request), await app.inject(request)];
      expect([first.statusCode, first.json()]).toEqual([200, { got: { item: "tea" }, key }]);
      expect([repeat.body, repeat.headers["idempotent-replayed"]]).toEqual([first.body, "true"]);
      expect((await app.inject({ ...request, payload: { item: "coffee" } })).statusCode).toBe(422);
    }
    const chained = await app.inject().post("/orders").headers({ "idempotency-key": "chain" }).payload({ item: "tea" });
    expect(chained.json()).toEqual({ got: { item: "tea" }, key: "chain" });
    const none = await app.inject().post("/orders").payload({ item: "tea" });
    expect([none.statusCode, none.json<{ code: string }>().code]).toEqual([400, "ONCE_KEY_INVALID"]);
  });

  test("serverless-http in front of Express: the key is seen, and one effect made", async () => {
    let runs = 0;
    const app = express();
    app.post(
      "/orders",
      onceExpress({ ...options(), profile: { keyRequired: false } }),
      express.json(),
      (_request, response) => {
        runs += 1;
        response.status(201).json({ runs });
      },
    );
    const handler = serverless(app as never);
    const event = {
      httpMethod: "POST",
      path: "/orders",
      headers: { "Idempotency-Key": "k", "content-type": "application/json" },
      body: '{"item":"tea"}',
      requestContext: {},
    };
    for (const replayed of [undefined, "true"]) {
      const answer = (await handler(structuredClone(event), {})) as {
        statusCode: number;
        body: string;
        headers: Record<string, string>;
      };
      expect([answer.statusCode, answer.body]).toEqual([201, '{"runs":1}']);
      expect(answer.headers["idempotent-replayed"]).toBe(replayed);
    }
    expect(runs).toBe(1);
  });
});

describe("middleware around once-again in Express", () => {
  test("behind it, middleware that changes headers on their way is called, and its cookies reach the first caller", async () => {
    const app = express();
    app.post(
      "/orders",
      onceExpress(options()),
      cookieSession({ name: "session", keys: ["k"] }),
      responseTime(),
      (request, response) => {
        Object.assign(request.session, { user: "ada" });
        response.status(201).send("ok");
      },
    );
    const url = `${await startHttpServer(app as never)}/orders`;
    const first = await post(url);
    expect(first.status).toBe(201);
    expect(first.headers.getSetCookie()).toHaveLength(2);
    expect(first.headers.get("x-response-time")).toMatch(/ms$/);
    expect((await post(url)).headers.getSetCookie()).toEqual([]);
  });

  test("in front of it, its headers are those of each request", async () => {
    let requests = 0;
    const app = express();
    app.use((_request, response, next) => {
      response.set({
        "x-request-id": String((requests += 1)),
        "access-control-allow-origin": `https://${requests}.example`,
      });
      next();
    });
    app.post("/orders", onceExpress(options()), (_request, response) => void response.set("x-order", "7").send("ok"));
    const url = `${await startHttpServer(app as never)}/orders`;
    for (const id of ["1", "2", "3"]) {
      const { headers } = await post(url);
      expect([headers.get("x-request-id"), headers.get("access-control-allow-origin")]).toEqual([
        id,
        `https://${id}.example`,
      ]);
      expect([headers.get("x-order"), headers.get("idempotent-replayed")]).toEqual(["7", id === "1" ? null : "true"]);
    }
  });

  test.for(["in front", "behind"])("a time-out %s answers once, and no repeat answers again", async (place) => {
    const { store, orders } = appDatabase();
    const errors: unknown[] = [];
    const app = express();
    const limit = firstOnly(timeout("40ms"));
    const once = onceExpress<Request, unknown>({
      store,
      mode: "transactional",
      scope: "public",
      onError: (error: unknown) => errors.push(error),
    } as never);
    const late = Promise.withResolvers<void>();
    let runs = 0;
    app.post(
      "/orders",
      ...((place === "in front" ? [limit, once] : [once, limit]) as never[]),
      async (_request: Request, response: Response) => {
        runs += 1;
        if (runs === 1) {
          await late.promise;
          try {
            insertOrder(response.locals["once"].transaction, "late");
          } catch (error) {
            errors.push(error);
          }
          return;
        }
        insertOrder(response.locals["once"].transaction, "tea");
        response.status(201).send("made");
      },
    );
    app.use((error: { status?: number }, _request: Request, response: Response, _next: NextFunction) => {
      if (!response.headersSent) response.status(error.status ?? 500).send("out of time");
    });
    const url = `${await startHttpServer(app as never)}/orders`;
    expect((await posted(url)).status).toBe(503);
    late.resolve();
    expect(await posted(url)).toMatchObject({ status: 201, text: "made" });
    expect(await posted(url)).toMatchObject({ status: 201, replayed: true });
    expect(orders()).toEqual(["tea"]);
  });
});

describe("onceNode", () => {
  test("gives the request's stream to a handler as if it had not been read", async () => {
    const handler = onceNode(options(), (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => response.end(String(Buffer.concat(chunks).length)));
    });
    const url = await startHttpServer(handler);
    for (const length of [14, 300_000]) {
      const body = "x".repeat(length);
      for (const replayed of [false, true]) {
        expect(await posted(url, `k${length}`, { body })).toEqual({ status: 200, text: String(length), replayed });
      }
    }
  });

  test.for([20, 300_000])("reads %d bytes before a decoder that other code has set", async (length) => {
    const once = onceNode(options(), (_request, response, { body }) => void response.end(body.toString().slice(0, 3)));
    const url = await startHttpServer((request, response) => {
      request.setEncoding("utf8");
      void once(request, response);
    });
    expect(await posted(url, "k", { body: "bob".repeat(length) })).toMatchObject({ status: 200, text: "bob" });
    expect(await posted(url, "k", { body: "eve".repeat(length) })).toMatchObject({ status: 422 });
  });

  test("does nothing more when other code has answered while the upload was slow", async () => {
    const once = onceNode(options(), () => expect.fail("ran"));
    let ended: Promise<void> | undefined;
    const url = await startHttpServer((request, response) => {
      ended = once(request, response);
      request.once("readable", () => undefined);
      response.writeHead(503).end("too slow");
    });
    const { socket, heard } = dial(url);
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\n");
    await until(() => heard().includes("too slow"));
    socket.write("{}");
    await ended;
    expect(heard().match(/HTTP\/1.1/g)).toHaveLength(1);
  });

  test("answers 500 in the place of a stored response that can't be sent, and reports it", async () => {
    const errors: unknown[] = [];
    const { store, ...rest } = options((error) => errors.push(error));
    const result = Buffer.from(`${JSON.stringify({ status: 201, headers: [["x-name", "a\nb"]] })}\n`);
    const poisoned = { ...store, claim: async () => ({ kind: "done" as const, result, createdAt: 0 }) };
    const url = await startHttpServer(onceNode({ ...rest, store: poisoned }, () => expect.fail("ran")));
    expect((await posted(url)).status).toBe(500);
    expect(errors).toMatchObject([{ code: "ONCE_RECORD_BROKEN" }]);
  });

  test("says what it is when it is given what is no request of Node's", async () => {
    const once = onceNode(options(), () => undefined);
    await expect(once(new Request("http://a/") as never, undefined as never)).rejects.toThrow(
      /onceNode was called without/,
    );
  });
});

describe("Koa", () => {
  test("middleware in front works on after a repeat, and its headers are today's", async () => {
    let requests = 0;
    const saved: unknown[] = [];
    const app = new Koa();
    app.use(async (context, next) => {
      requests += 1;
      await next();
      context.set("x-session", String(requests));
      saved.push([context.status, context.headerSent]);
    });
    app.use(onceKoa(options()));
    app.use((context) => {
      context.status = 201;
      context.body = { ok: true };
    });
    const url = await startHttpServer(app.callback());
    for (const session of ["1", "2"]) {
      const answer = await post(url);
      expect([answer.status, await answer.text()]).toEqual([201, '{"ok":true}']);
      expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect([answer.headers.get("x-session"), answer.headers.get("idempotent-replayed")]).toEqual([
        session,
        session === "1" ? null : "true",
      ]);
    }
    expect(saved).toEqual([
      [201, false],
      [201, false],
    ]);
  });
});
