import type { IncomingMessage } from "node:http";
import type { DatabaseSync } from "node:sqlite";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { appDatabase, insertOrder } from "../../../../test/support/app-database.ts";
import { dial } from "../../../../test/support/dial.ts";
import { faultyStore } from "../../../../test/support/faulty-store.ts";
import { startHttpServer, post, posted } from "../../../../test/support/http-server.ts";
import { until } from "../../../../test/support/until.ts";
import type { LeasedHttpOptions } from "../http/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { type NodeHandler, onceNode } from "./node.ts";
import { oneRetryAfter } from "../../../../test/support/retry-after.ts";

/** Serves a handler, leased, and returns its URL. */
const served = (handler: NodeHandler, options: Partial<LeasedHttpOptions<IncomingMessage>> = {}): Promise<string> =>
  startHttpServer(onceNode({ store: memoryStore(), scope: "public", onError: () => undefined, ...options }, handler));

test("a listener for the end of a response, added right behind us, runs when the response is stored and sent", async () => {
  const order: string[] = [];
  const store = memoryStore();
  const complete = store.complete.bind(store);
  store.complete = (request) => {
    order.push("stored");
    return complete(request);
  };
  const once = onceNode({ store, scope: "public" }, (_, response) => void setImmediate(() => response.end("done")));
  const url = await startHttpServer((request, response) => {
    void once(request, response);
    response.once("finish", () => order.push("finished"));
  });
  // Of a request without a body, all is known at once.
  expect(await posted(url, "order-7", { body: null })).toEqual({ status: 200, text: "done", replayed: false });
  await until(() => order.length === 2);
  expect(order).toEqual(["stored", "finished"]);
});

test("who waits for the listener may listen to the end of its answer, also of a repeat", async () => {
  let finished = 0;
  const once = onceNode({ store: memoryStore(), scope: "public" }, (_, response) => void response.end("done"));
  const url = await startHttpServer(async (request, response) => {
    await once(request, response);
    response.once("finish", () => (finished += 1));
  });
  for (const replayed of [false, true]) {
    expect(await posted(url)).toEqual({ status: 200, text: "done", replayed });
  }
  await until(() => finished === 2);
});

test("when a route is closed, the answer of its last operation is on its way", async () => {
  const handled = Promise.withResolvers<void>();
  const once = onceNode({ store: memoryStore(), scope: "public" }, async (_, response) => {
    handled.resolve();
    await new Promise((resolve) => setTimeout(resolve, 20));
    response.end("done");
  });
  let isSent = (): boolean => false;
  const url = await startHttpServer((request, response) => {
    const { socket } = request;
    isSent = () => socket.bytesWritten > 0;
    void once(request, response);
  });
  const answer = posted(url);
  await handled.promise;
  await once.close();
  expect(isSent()).toBe(true);
  expect(await answer).toEqual({ status: 200, text: "done", replayed: false });
});

describe("a repeat gets the first answer", () => {
  test("of an async handler, which has the body", async () => {
    const url = await served(async (request, response, { body, key, scope }) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      response.end(`${request.method} ${request.url} ${body.toString()} ${key} ${scope}`);
    });
    const text = 'POST /orders?a=1 {"item":"tea"} order-7 public';
    expect(await posted(`${url}/orders?a=1`)).toEqual({ status: 200, text, replayed: false });
    expect(await posted(`${url}/orders?a=1`)).toEqual({ status: 200, text, replayed: true });
    expect((await posted(`${url}/orders?a=2`)).status).toBe(422);
    expect((await posted(`${url}/orders?a=1`, "order-7", { body: "{}" })).status).toBe(422);
    expect((await posted(`${url}/orders`, "")).status).toBe(400);
  });

  test("of a handler in the callback style, which answers later", async () => {
    const url = await served((_, response) => {
      setTimeout(() => {
        response.statusCode = 201;
        response.setHeader("Location", "/orders/7");
        response.end("created");
      }, 10);
    });
    for (const replayed of [null, "true"]) {
      const response = await post(url);
      expect([response.status, response.headers.get("location")]).toEqual([201, "/orders/7"]);
      expect(response.headers.get("idempotent-replayed")).toBe(replayed);
      expect(await response.text()).toBe("created");
    }
  });

  test("of a handler that returns its response, as arrow functions do", async () => {
    const url = await served((_, response) => response.end("done") as never);
    expect(await posted(url)).toEqual({ status: 200, text: "done", replayed: false });
    expect(await posted(url)).toEqual({ status: 200, text: "done", replayed: true });
  });

  test("with statuses 200, 201, 204 and 303, and no body where there was none", async () => {
    const url = await served((_, response, { key }) => void response.writeHead(Number(key), { location: "/x" }).end());
    for (const key of ["200", "201", "204", "303"]) {
      for (const replayed of [false, true]) {
        expect(await posted(url, key, { redirect: "manual" })).toEqual({ status: Number(key), text: "", replayed });
      }
    }
  });

  test("two headers of the key are refused", async () => {
    const url = await served(() => expect.fail("ran"));
    const { socket, heard } = dial(url);
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\nContent-Length: 0\r\n\r\n");
    await until(() => heard().includes("ONCE_KEY_INVALID"));
    expect(heard()).toMatch(/^HTTP\/1.1 400 /);
  });

  test("of 50 duplicates at once, one runs", async () => {
    let runs = 0;
    const url = await served(
      async (_, response) => {
        runs += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        response.end("ok");
      },
      { waitMs: 20_000 },
    );
    const answers = await Promise.all(Array.from({ length: 50 }, () => posted(url)));
    expect(runs).toBe(1);
    expect(answers.filter(({ replayed }) => replayed)).toHaveLength(49);
    expect(answers.every(({ text }) => text === "ok")).toBe(true);
  });
});

describe("a handler that fails", () => {
  test.for([
    [
      "throws",
      () => {
        throw new Error("fault");
      },
    ],
    ["rejects", () => Promise.reject(new Error("fault"))],
    [
      "throws after it began to answer",
      (_, response) => {
        response.writeHead(201, { location: "/orders/7" });
        response.write("half");
        throw new Error("fault");
      },
    ],
    ["answers with a status that can't be sent", (_, response) => void (response.writeHead(42), response.end())],
    ["destroys its response", (_, response) => void response.destroy()],
  ] as [string, NodeHandler][])("and %s is answered with a 500, and so are its repeats", async ([, handler]) => {
    const errors: unknown[] = [];
    const url = await served(handler, { onError: (error) => errors.push(error) });
    for (const replayed of [false, true]) {
      const response = await post(url);
      expect([response.status, response.headers.get("location")]).toEqual([500, null]);
      expect(await response.text()).toContain("ONCE_HANDLER_FAILED");
      expect(response.headers.get("idempotent-replayed")).toBe(replayed ? "true" : null);
    }
    expect(errors).toHaveLength(1);
  });

  test("and leaves a stream piped into its response does not break the service", async () => {
    const source = new PassThrough();
    const url = await served((_, response) => {
      source.pipe(response);
      throw new Error("fault");
    });
    expect((await posted(url)).status).toBe(500);
    source.write("late");
    source.end("later");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await posted(url)).status).toBe(500);
  });

  test("a store that is down answers 503, and the handler does not run", async () => {
    const store = faultyStore(memoryStore());
    store.fail("claim", "before");
    const url = await served(() => expect.fail("ran"), { store });
    const response = await post(url);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, oneRetryAfter]);
  });
});

describe("other methods", () => {
  test("pass through as they are: streams are unread", async () => {
    const url = await served(async (request, response, { body }) => {
      expect(body).toHaveLength(0);
      for await (const chunk of request) response.write(chunk);
      response.end();
    });
    expect(await posted(url, "k", { method: "PUT" })).toEqual({ status: 200, text: '{"item":"tea"}', replayed: false });
    expect(await (await fetch(url)).text()).toBe("");
  });

  test("are answered when their handler throws, so that no rejection ends the process", async () => {
    const errors: unknown[] = [];
    const once = onceNode(
      {
        store: memoryStore(),
        scope: "public",
        onError: (error) => errors.push(error),
        skip: ({ method }) => method === "POST",
      },
      (request, response) => {
        if (request.method === "PUT") response.end("done");
        if (request.method === "DELETE") response.write("half");
        throw new Error(`fault at ${request.method}`);
      },
    );
    const listened: Promise<void>[] = [];
    const url = await startHttpServer((request, response) => void listened.push(once(request, response)));
    expect(await posted(url, "k", { method: "GET", body: null })).toMatchObject({ status: 500, text: "" });
    expect(await posted(url)).toMatchObject({ status: 500, text: "" });
    expect(await posted(url, "k", { method: "PUT" })).toMatchObject({ status: 200, text: "done" });
    // Half a response must not look like a whole one.
    await expect(posted(url, "k", { method: "DELETE" })).rejects.toThrow();
    await Promise.all(listened);
    expect(errors.map(String)).toEqual(["GET", "POST", "PUT", "DELETE"].map((name) => `Error: fault at ${name}`));
  });
});

describe("in a transaction", () => {
  test("of 50 duplicates at once, one writes its row, and all get its answer", async () => {
    const { store, orders } = appDatabase();
    const url = await startHttpServer(
      onceNode<DatabaseSync>(
        { mode: "transactional", store, scope: "public", waitMs: 20_000 },
        async (_, response, { transaction }) => {
          insertOrder(transaction, "tea");
          await new Promise((resolve) => setTimeout(resolve, 20));
          response.writeHead(201).end("ordered");
        },
      ),
    );
    const answers = await Promise.all(Array.from({ length: 50 }, () => posted(url)));
    expect(answers.every(({ status, text }) => status === 201 && text === "ordered")).toBe(true);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(orders()).toEqual(["tea"]);
  });

  test("a handler that writes too much goes on to its end, inside its transaction, and is rolled back", async () => {
    const { store, orders } = appDatabase();
    const url = await startHttpServer(
      onceNode<DatabaseSync>(
        { mode: "transactional", store, scope: "public", limits: { resultBytesMax: 1024 } },
        async (_, response, { transaction, key }) => {
          response.write(key === "large" ? Buffer.alloc(2000) : "small");
          await new Promise((resolve) => setTimeout(resolve, 20));
          insertOrder(transaction, String(key));
          response.end();
        },
      ),
    );
    const [large, small] = await Promise.all([posted(url, "large"), posted(url, "small")]);
    expect([large.status, large.text]).toEqual([500, expect.stringContaining("ONCE_RESULT_TOO_LARGE")]);
    expect(small.text).toBe("small");
    expect(orders()).toEqual(["small"]);
  });
});

test("close waits for what runs, and then takes nothing new", async () => {
  const [running, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const listener = onceNode({ store: memoryStore(), scope: "public" }, async (_, response) => {
    running.resolve();
    await go.promise;
    response.end("late");
  });
  const url = await startHttpServer(listener);
  const answer = posted(url);
  await running.promise;
  const closing = listener.close();
  expect((await posted(url, "new")).status).toBe(503);
  go.resolve();
  await closing;
  expect((await answer).text).toBe("late");
});
