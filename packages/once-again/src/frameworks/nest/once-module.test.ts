import "reflect-metadata";
import { once } from "node:events";
import { Agent, type IncomingMessage, request, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { Controller, Module, Post } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { expect, onTestFinished, test } from "vitest";
import { post, posted, startHttpServer } from "../../../../../test/support/http-server.ts";
import type { Store } from "../../stores/index.ts";
import { memoryStore } from "../../stores/memory/index.ts";
import type { NodeExecution } from "../node.ts";
import { Once, OnceModule, OnceRoutes, Operation } from "./index.ts";
import type { OnceModuleImport } from "./once-module.ts";

const json = { headers: { "content-type": "application/json" } };

/** An application with a route for each decorator: `/orders/0`, `/orders/1`, ... Its server outlives it. */
async function served(root: OnceModuleImport, decorators: MethodDecorator[], run: () => unknown = () => undefined) {
  class App {}
  const controllers = decorators.map((decorator, index) => {
    class Orders {
      async create({ key }: NodeExecution): Promise<unknown> {
        await run();
        return { key };
      }
    }
    // The decorators, applied by hand: Node runs TypeScript without them.
    const method = Object.getOwnPropertyDescriptor(Orders.prototype, "create")!;
    Operation()(Orders.prototype, "create", 0);
    Post(String(index))(Orders.prototype, "create", method);
    decorator(Orders.prototype, "create", method);
    Controller("orders")(Orders);
    return Orders;
  });
  Module({ imports: [root], controllers })(App);
  const app = await NestFactory.create(App, { logger: false, rawBody: true, abortOnError: false });
  await app.init();
  onTestFinished(() => app.close());
  const url = await startHttpServer(app.getHttpAdapter().getInstance() as RequestListener);
  return { app, url: `${url}/orders` };
}

test("a method with Once runs once by the module's options, and finds its operation", async () => {
  let runs = 0;
  const root = OnceModule.forRoot({ store: memoryStore(), scope: "public" });
  const { url } = await served(root, [Once()], () => (runs += 1));
  expect(await posted(`${url}/0`, "k", json)).toEqual({ status: 201, text: '{"key":"k"}', replayed: false });
  expect(await posted(`${url}/0`, "k", json)).toEqual({ status: 201, text: '{"key":"k"}', replayed: true });
  expect(runs).toBe(1);
});

test("the options may come of a factory that gets providers of other modules", async () => {
  const token = Symbol("store");
  class StoreModule {}
  Module({ providers: [{ provide: token, useFactory: () => memoryStore() }], exports: [token] })(StoreModule);
  const root = OnceModule.forRootAsync({
    imports: [StoreModule],
    inject: [token],
    useFactory: async (store: Store) => ({ store, scope: "public" }),
  });
  const { url } = await served(root, [Once()]);
  expect((await posted(`${url}/0`, "k", json)).replayed).toBe(false);
  expect((await posted(`${url}/0`, "k", json)).replayed).toBe(true);
});

test("options of a method replace the module's for that method alone", async () => {
  const root = OnceModule.forRoot({ store: memoryStore(), scope: "public" });
  const overrides = { retentionMs: 3_600_000 };
  const { app, url } = await served(root, [Once(), Once({ scope: ({ headers }) => headers["x-account"]!.toString() })]);
  const of = (account: string) => ({ headers: { ...json.headers, "x-account": account } });
  const replays = async (path: string) => [
    (await posted(`${url}/${path}`, path, of("acme"))).replayed,
    (await posted(`${url}/${path}`, path, of("globex"))).replayed,
  ];
  expect(await replays("0")).toEqual([false, true]);
  expect(await replays("1")).toEqual([false, false]);
  const routes = app.get(OnceRoutes);
  expect(routes.find().policy).toMatchObject({ retentionSeconds: 86_400 });
  expect(routes.find(overrides).policy).toMatchObject({ retentionSeconds: 3600 });
  expect(routes.find(overrides)).toBe(routes.find(overrides));
});

test("a controller may have Once for all of its methods", async () => {
  let runs = 0;
  const both: MethodDecorator = (target) => void Once()(target.constructor);
  const root = OnceModule.forRoot({ store: memoryStore(), scope: "public" });
  const { url } = await served(root, [both], () => (runs += 1));
  for (const replayed of [false, true]) expect(await posted(`${url}/0`, "k", json)).toMatchObject({ replayed });
  expect(runs).toBe(1);
});

test("Nest's shutdown waits for operations under way, and closes every route", async () => {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const root = OnceModule.forRoot({ store: memoryStore(), scope: "public" });
  const { app, url } = await served(root, [Once(), Once({ retentionMs: 3_600_000 })], () => {
    begun.resolve();
    return end.promise;
  });
  const underway = post(`${url}/1`, "k", json);
  await begun.promise;
  let isClosed = false;
  const closed = app.close().then(() => (isClosed = true));
  await expect
    .poll(async () => (await posted(`${url}/1`, "other", json)).status, { message: "refused while it closes" })
    .toBe(503);
  expect(isClosed).toBe(false);
  end.resolve();
  await closed;
  expect((await underway).status).toBe(201);
  for (const path of ["0", "1"]) {
    const refused = await posted(`${url}/${path}`, "late", json);
    expect(refused).toMatchObject({ status: 503, text: expect.stringContaining("ONCE_CLOSED") });
  }
});

test("a caller that goes on sending does not hold Nest's server open", async () => {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const root = OnceModule.forRoot({ store: memoryStore(), scope: "public" });
  const { app } = await served(root, [Once()], () => {
    begun.resolve();
    return end.promise;
  });
  await app.listen(0, "127.0.0.1");
  const { port } = app.getHttpServer().address() as AddressInfo;
  // One connection, on which the second request waits for the first.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const send = async (key: string): Promise<[number | undefined, string | undefined]> => {
    const headers = { ...json.headers, "idempotency-key": key };
    const sent = request({ agent, port, host: "127.0.0.1", method: "POST", path: "/orders/0", headers }).end();
    const [{ statusCode, headers: received }] = (await once(
      sent.on("response", (r) => r.resume()),
      "response",
    )) as [IncomingMessage];
    return [statusCode, received.connection];
  };
  const first = send("first");
  await begun.promise;
  const closed = app.close();
  const second = send("second");
  end.resolve();
  expect(await first).toEqual([201, "keep-alive"]);
  expect(await second).toEqual([201, "close"]);
  await closed;
});

test("Nest does not start where the module is missing, or has wrong options", async () => {
  class Elsewhere {}
  Module({})(Elsewhere);
  const missing = served({ module: Elsewhere as typeof OnceModule, global: false }, [Once()]);
  await expect(missing).rejects.toThrow(/OnceInterceptor.*OnceRoutes/s);
  const wrong = OnceModule.forRoot({ store: memoryStore(), scope: "public", retentionMs: -1 });
  await expect(served(wrong, [Once()])).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  const right = OnceModule.forRoot({ store: memoryStore(), scope: "public" });
  await expect(served(right, [Once({ retentionMs: -1 })])).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
});
