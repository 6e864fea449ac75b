import "reflect-metadata";
import {
  type CanActivate,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  type INestApplication,
  Module,
  Post,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { expect, onTestFinished, test } from "vitest";
import { posted } from "../../../../../test/support/http-server.ts";
import { NoEffectError } from "../../engine/index.ts";
import { memoryStore } from "../../stores/memory/index.ts";
import { executionOf, onceNest } from "./interceptor.ts";
import type { NodeExecution } from "../node.ts";

// Nest's peculiarities; the suites that all frameworks share are in test/frameworks.

const Operation = createParamDecorator((_data: unknown, context: ExecutionContext) => executionOf(context));
const json = { headers: { "content-type": "application/json" } };

/** An application with one guarded handler, on Express or Fastify. Node runs TypeScript without decorators. */
async function served(
  platform: string,
  guard: CanActivate,
  handle: (execution: NodeExecution) => unknown,
): Promise<string> {
  class Orders {
    create(execution: NodeExecution): unknown {
      return handle(execution);
    }
  }
  class App {}
  const method = Object.getOwnPropertyDescriptor(Orders.prototype, "create")!;
  const once = onceNest({ store: memoryStore(), scope: "public", onError: () => undefined });
  Operation()(Orders.prototype, "create", 0);
  Post()(Orders.prototype, "create", method);
  UseGuards(guard)(Orders.prototype, "create", method);
  UseInterceptors(once)(Orders.prototype, "create", method);
  Controller("orders")(Orders);
  Module({ controllers: [Orders] })(App);
  const settings = { logger: false, rawBody: true } as const;
  const app: INestApplication =
    platform === "fastify"
      ? await NestFactory.create(App, new FastifyAdapter(), settings)
      : await NestFactory.create(App, settings);
  await app.listen(0, "127.0.0.1");
  onTestFinished(() => app.close());
  return `${await app.getUrl()}/orders`;
}

test("a resolver of GraphQL, which has no request of HTTP in its place, is refused by name", async () => {
  const once = onceNest({ store: memoryStore(), scope: "public" });
  const nothing = (): never => undefined as never;
  const context = { switchToHttp: () => ({ getRequest: nothing, getResponse: nothing }) };
  const called = once.intercept(context, { handle: () => expect.fail("ran") });
  await expect(called).rejects.toMatchObject({
    code: "ONCE_OPTION_INVALID",
    message: expect.stringContaining("onceNest was called without a request and a response of Node's HTTP"),
  });
});

test.for(["express", "fastify"])(
  "on %s, the value that a handler returns is stored, and a refusal by a guard is not",
  async (platform) => {
    let allowed = false;
    const url = await served(platform, { canActivate: () => allowed }, ({ key, body }) => ({
      key,
      body: body.toString(),
    }));
    expect((await posted(url, "k", json)).status).toBe(403);
    allowed = true;
    const text = JSON.stringify({ key: "k", body: '{"item":"tea"}' });
    expect(await posted(url, "k", json)).toEqual({ status: 201, text, replayed: false });
    expect(await posted(url, "k", json)).toEqual({ status: 201, text, replayed: true });
    expect((await posted(url, "k", { ...json, body: '{"item":"coffee"}' })).status).toBe(422);
    expect((await posted(url, "", json)).status).toBe(400);
  },
);

test.for(["express", "fastify"])(
  "on %s, its own exceptions are stored, and NoEffectError frees the key",
  async (platform) => {
    let runs = 0;
    const url = await served(platform, { canActivate: () => true }, ({ key }) => {
      runs += 1;
      throw key === "none" ? new NoEffectError("The bank is closed.") : new Error("fault");
    });
    const text = '{"statusCode":500,"message":"Internal server error"}';
    for (const replayed of [false, true]) expect(await posted(url, "k", json)).toEqual({ status: 500, text, replayed });
    for (const replayed of [false, false]) {
      expect(await posted(url, "none", json)).toMatchObject({ status: 503, replayed });
    }
    expect(runs).toBe(3);
  },
);
