import { getRequestListener } from "@hono/node-server";
import express from "express";
import { fastify } from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { describe, expect, onTestFinished, test } from "vitest";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { onceHono } from "../../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { startHttpServer, posted } from "../support/http-server.ts";
import { nestServer } from "./nest-server.ts";
import { effectIn, modes } from "./serving.ts";

// Two of our adapters in the way of one request: the first one answers, the handler never runs, and nothing is stored.

/** The options of both: the same rules, or rules on one store. They fit every adapter, which the test sees to. */
type Rules = () => never;

const json = { headers: { "content-type": "application/json" } };
const ran = (): never => expect.fail("ran");

/** Serves one route with two of ours on its way, and returns its base URL. */
const mounts: [name: string, serve: (rules: Rules) => Promise<string>][] = [
  [
    "onceNode in onceNode",
    (rules) => {
      const inner = onceNode(rules(), ran);
      return startHttpServer(onceNode(rules(), (request, response) => inner(request, response)));
    },
  ],
  [
    "onceNode in onceNode, not awaited",
    (rules) => {
      const inner = onceNode(rules(), ran);
      return startHttpServer(onceNode(rules(), (request, response) => void inner(request, response)));
    },
  ],
  [
    "onceWeb behind onceNode, by a listener",
    (rules) => {
      const inner = getRequestListener(onceWeb(rules(), ran) as never);
      return startHttpServer(onceNode(rules(), async (request, response) => await inner(request, response)));
    },
  ],
  [
    "onceHono behind onceExpress, by a listener",
    (rules) => {
      const hono = new Hono().post("/orders", onceHono(rules()) as never, ran);
      const app = express().use(onceExpress(rules()), getRequestListener(hono.fetch) as never);
      return startHttpServer(app as never);
    },
  ],
  [
    "an app of Express and its route",
    (rules) => {
      const app = express();
      app.use(onceExpress(rules()));
      app.post("/orders", onceExpress(rules()), ran);
      return startHttpServer(app as never);
    },
  ],
  [
    "an app of Koa and its route",
    (rules) => startHttpServer(new Koa().use(onceKoa(rules())).use(onceKoa(rules())).use(ran).callback()),
  ],
  [
    "the hooks of an app of Fastify and a route",
    async (rules) => {
      const app = fastify();
      onTestFinished(() => app.close());
      const { onRequest, preParsing, preHandler, onError } = onceFastify(rules());
      app.addHook("onRequest", onRequest).addHook("preParsing", preParsing);
      app.addHook("preHandler", preHandler).addHook("onError", onError);
      app.post("/orders", onceFastify(rules()), ran);
      return app.listen({ port: 0, host: "127.0.0.1" });
    },
  ],
  ...(["express", "fastify"] as const).map((platform): [string, (rules: Rules) => Promise<string>] => [
    `a controller of Nest and its method, on ${platform}`,
    (rules) => nestServer({ platform, onController: [onceNest(rules())], onMethod: [onceNest(rules())], handle: ran }),
  ]),
];

describe.for(mounts)("%s", ([, serve]) => {
  test.for(modes)("%s: refused at once with 500, the key free, and reported", async (mode) => {
    const errors: unknown[] = [];
    const { rules } = effectIn(mode);
    const url = await serve(
      () =>
        ({
          waitMs: 0,
          limits: { handlerMsMax: 5000 },
          scope: "public",
          onError: (error: unknown) => errors.push(error),
          ...rules,
        }) as never,
    );
    for (const attempt of [1, 2]) {
      const answer = await posted(`${url}/orders`, "order-7", json);
      expect(answer).toMatchObject({
        status: 500,
        text: expect.stringContaining("ONCE_MOUNTED_TWICE"),
        replayed: false,
      });
      // Each of the two reports it: their routes may be different people's.
      expect(errors).toEqual(Array(attempt * 2).fill(expect.objectContaining({ code: "ONCE_MOUNTED_TWICE" })));
    }
    expect(await rules.store.inspect({ scope: "public", key: "order-7" })).toBeUndefined();
  });
});

test("a handler may send new requests under other keys, along with the arguments of its listener", async () => {
  const options = () => ({ store: memoryStore(), scope: "public", onError: () => undefined }) as const;
  const billing = onceWeb<Request, [unknown]>(options(), () => new Response("billed"));
  const inner = getRequestListener((request: Request, platform: unknown) => {
    const headers = { "idempotency-key": "order-7/bill" };
    return billing(new Request(new URL("/bill", request.url), { method: "POST", headers }), platform);
  });
  const url = await startHttpServer(onceNode(options(), async (request, response) => await inner(request, response)));
  expect(await posted(url)).toMatchObject({ status: 200, text: "billed" });
});
