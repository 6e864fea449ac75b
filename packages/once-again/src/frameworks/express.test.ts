import express from "express";
import { expect, test } from "vitest";
import { dial } from "../../../../test/support/dial.ts";
import { startHttpServer, post, posted, read } from "../../../../test/support/http-server.ts";
import { NoEffectError } from "../engine/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { noEffectErrors, onceExpress } from "./express.ts";

// Express' peculiarities; the suites that all frameworks share are in test/frameworks.

const options = { store: memoryStore(), scope: "public", onError: () => undefined } as const;

test("without noEffectErrors, a NoEffectError is a failure like any other, and is stored", async () => {
  const app = express().set("env", "test");
  let runs = 0;
  app.post("/orders", onceExpress({ ...options, store: memoryStore() }), () => {
    runs += 1;
    throw new NoEffectError("nothing");
  });
  const url = `${await startHttpServer(app)}/orders`;
  expect([(await posted(url)).status, await posted(url), runs]).toEqual([
    500,
    expect.objectContaining({ status: 500, replayed: true }),
    1,
  ]);
});

test("a framework that only calls middleware as Express does, such as polka, gets a refusal by next, and no throw", () => {
  const once = onceExpress({ ...options, store: memoryStore() });
  const [request, response] = [{ headers: {}, method: "POST", url: "/orders" }, { end: () => undefined }];
  const errors: unknown[] = [];
  once(request as never, response as never, (error) => void errors.push(error));
  once({ req: request } as never, {} as never, (error) => void errors.push(error));
  expect(errors).toEqual([
    expect.objectContaining({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringMatching(/this is not Express\. Wrap the handler by onceNode/),
    }),
    expect.objectContaining({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining("onceExpress was called"),
    }),
  ]);
});

test("half a response is not stored, even where an error handler brings it to an end", async () => {
  const errors: unknown[] = [];
  const app = express();
  const onError = (error: unknown): void => void errors.push(error);
  app.post("/orders", onceExpress({ ...options, store: memoryStore(), onError }), (_, response) => {
    response.write("half");
    throw new Error("the rest is missing");
  });
  app.use(noEffectErrors);
  app.use(((_error, _request, response, _next) => void response.end(" of it")) as express.ErrorRequestHandler);
  const url = `${await startHttpServer(app)}/orders`;
  const first = await posted(url);
  expect(first).toMatchObject({ status: 500, text: expect.stringContaining("ONCE_HANDLER_FAILED") });
  expect(await posted(url)).toEqual({ ...first, replayed: true });
  expect(errors).toEqual([new Error("the rest is missing")]);
});

test("mounted for all of a path, it puts its policy into Express' own answers to OPTIONS", async () => {
  const app = express();
  app.use("/orders", onceExpress({ ...options, store: memoryStore() }));
  app.post("/orders", (_, response) => void response.json("ok"));
  const answer = await fetch(`${await startHttpServer(app)}/orders`, { method: "OPTIONS" });
  expect(answer.headers.get("allow")).toBe("POST");
  expect(answer.headers.get("idempotency-key-policy")).toContain("retention=86400");
});

test("of two routes on one store, each follows its own rules, and a refusal by a validator in front is not stored", async () => {
  const app = express();
  let refuse = true;
  app.post(
    "/orders",
    (_, response, next) => void (refuse ? response.sendStatus(401) : next()),
    onceExpress({ ...options, store: memoryStore() }),
    (_, response) => void response.sendStatus(201),
  );
  const url = `${await startHttpServer(app)}/orders`;
  expect((await posted(url)).status).toBe(401);
  refuse = false;
  expect(await posted(url)).toMatchObject({ status: 201, replayed: false });
});

test("a caller that hangs up while its key is claimed, its body unread, leaves nothing behind", async () => {
  const store = memoryStore();
  const [asked, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow: typeof store = {
    ...store,
    claim: async (request) => {
      asked.resolve();
      await go.promise;
      return store.claim(request);
    },
  };
  const app = express();
  const bodies: unknown[] = [];
  app.post("/orders", onceExpress({ ...options, store: slow }), express.json(), (request, response) => {
    bodies.push(request.body);
    response.json("ok");
  });
  const url = await startHttpServer(app);
  const { socket } = dial(url);
  socket.write(
    "POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\nContent-Type: application/json\r\n" +
      'Content-Length: 14\r\n\r\n{"item":"tea"}',
  );
  await asked.promise;
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 30));
  go.resolve();
  const json = { headers: { "content-type": "application/json" } };
  let answer = await read(await post(`${url}/orders`, "order-7", json));
  while (answer.status === 409) answer = await read(await post(`${url}/orders`, "order-7", json));
  expect(answer).toMatchObject({ status: 200, replayed: false });
  expect(bodies).toEqual([{ item: "tea" }]);
});
