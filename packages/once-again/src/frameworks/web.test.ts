import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { appDatabase, insertOrder } from "../../../../test/support/app-database.ts";
import { startHttpServer, post, posted } from "../../../../test/support/http-server.ts";
import type { Execution } from "../engine/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { type WebHandler, onceWeb } from "./web.ts";
import { until } from "../../../../test/support/until.ts";

const never: WebHandler = () => expect.fail("ran");
const silent = { onError: () => undefined };

/** Called in place, without a server: what a worker runtime does. */
const request = (init: RequestInit & { key?: string } = {}): Request =>
  new Request("https://api.example/orders?a=1", {
    method: "POST",
    body: '{"item":"tea"}',
    ...init,
    headers: { "content-type": "application/json", "idempotency-key": init.key ?? "order-7", ...init.headers },
  });

describe("a web-standard handler", () => {
  test("reads the request as always, and its repeats get the first answer", async () => {
    const once = onceWeb({ store: memoryStore(), scope: "public" }, async (request, execution) => {
      const order: unknown = await request.json();
      expect(request.url).toBe("https://api.example/orders?a=1");
      expect(execution).toMatchObject({ key: "order-7", scope: "public", attempt: 1 });
      return Response.json(order, { status: 201, headers: { location: "/orders/7" } });
    });
    for (const replayed of [null, "true"]) {
      const response = await once(request());
      expect(response.status).toBe(201);
      expect(response.headers.get("location")).toBe("/orders/7");
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(response.headers.get("idempotent-replayed")).toBe(replayed);
      expect(await response.text()).toBe('{"item":"tea"}');
    }
  });

  test("is given no body that is larger than it may be, nor is more of one read that a middleware has decoded", async () => {
    const once = onceWeb({ store: memoryStore(), scope: "public", limits: { bodyBytesMax: 10 }, ...silent }, never);
    const lying = await once(request({ headers: { "content-length": "2" } }));
    expect(lying.status).toBe(413);
    let pulled = 0;
    const decoded = new ReadableStream({
      pull(controller) {
        pulled += 1;
        if (pulled > 100) controller.close();
        else controller.enqueue(new Uint8Array(8));
      },
    });
    const headers = { "content-length": "8", "content-encoding": "gzip" };
    const bomb = await once(request({ key: "other", body: decoded, duplex: "half", headers }));
    expect(bomb.status).toBe(413);
    expect(pulled).toBeLessThan(10);
  });

  test("may read its request as a form, with files", async () => {
    const form = new FormData();
    form.set("photo", new File(["jpeg"], "a.jpg", { type: "image/jpeg" }));
    const once = onceWeb({ store: memoryStore(), scope: "public" }, async (request) => {
      const photo = (await request.formData()).get("photo") as File;
      return new Response(`${photo.name} ${await photo.text()}`);
    });
    const send = (): Promise<Response> =>
      once(new Request("https://a.example", { method: "POST", body: form, headers: { "idempotency-key": "k" } }));
    expect(await (await send()).text()).toBe("a.jpg jpeg");
    // Another boundary, the same request.
    expect((await send()).headers.get("idempotent-replayed")).toBe("true");
  });

  test("may answer with a stream, with no body, with repeated headers, with a redirect", async () => {
    const answers = [
      () => new Response(ReadableStream.from([Uint8Array.of(1), Uint8Array.of(2, 3)])),
      () => new Response(null, { status: 204 }),
      () => new Response(null, { status: 200 }),
      () => Response.redirect("https://api.example/orders/7", 303),
      () =>
        new Response("x", {
          headers: [
            ["link", "a"],
            ["link", "b"],
            ["set-cookie", "s=1"],
            ["set-cookie", "t=2"],
          ],
        }),
    ];
    for (const answer of answers) {
      const once = onceWeb({ store: memoryStore(), scope: "public" }, answer);
      const [first, repeat] = [await once(request()), await once(request())];
      expect(first.headers.getSetCookie()).toEqual(answer().headers.getSetCookie());
      expect(repeat.headers.getSetCookie()).toEqual([]);
      for (const response of [first, repeat]) {
        expect(response.status).toBe(answer().status);
        for (const name of ["link", "location", "content-type"]) {
          expect(response.headers.get(name)).toBe(answer().headers.get(name));
        }
        // Servers give an empty body a content type, and none to the lack of one.
        expect(response.body === null).toBe(answer().body === null);
        expect(await response.bytes()).toEqual(await answer().bytes());
      }
      expect(repeat.headers.get("idempotent-replayed")).toBe("true");
    }
  });

  test("may say that its body comes in chunks, or name a wrong length: it is sent whole, with its own", async () => {
    const twice: [string, string][] = [
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ];
    const chunked: [string, string] = ["transfer-encoding", "chunked"];
    const wrongLength: [string, string] = ["content-length", "5"];
    for (const headers of [[chunked], [wrongLength], [chunked, ...twice], [wrongLength, ...twice]]) {
      const once = onceWeb({ store: memoryStore(), scope: "public" }, () => new Response("made", { headers }));
      for (const response of [await once(request()), await once(request())]) {
        expect(response.headers.get("transfer-encoding")).toBeNull();
        expect(response.headers.get("content-length")).toBeNull();
        expect(await response.text()).toBe("made");
      }
    }
  });

  test("may give a reason phrase, which only its first caller gets", async () => {
    const once = onceWeb(
      { store: memoryStore(), scope: "public" },
      () => new Response("made", { status: 201, statusText: "Made" }),
    );
    expect([(await once(request())).statusText, (await once(request())).statusText]).toEqual(["Made", ""]);
  });

  test("that throws, or gives no answer that can be sent, is answered with a 500, and never rejects", async () => {
    for (const handler of [
      () => Promise.reject(new Error("fault")),
      () => {
        throw new Error("fault");
      },
      () => Response.error(),
      () => undefined as unknown as Response,
      () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("broken")) })),
    ]) {
      const once = onceWeb({ store: memoryStore(), scope: "public", ...silent }, handler);
      expect((await once(request())).status).toBe(500);
      expect((await once(request())).headers.get("idempotent-replayed")).toBe("true");
    }
  });

  test("is not called for a repeated key header, which arrives joined", async () => {
    const once = onceWeb({ store: memoryStore(), scope: "public" }, never);
    const headers = new Headers([
      ["idempotency-key", "a"],
      ["idempotency-key", "a"],
    ]);
    expect((await once(new Request("https://a.example", { method: "POST", headers }))).status).toBe(400);
  });

  test("gets other methods as they are, streams and all", async () => {
    const response = new Response("streamed");
    const once = onceWeb({ store: memoryStore(), scope: "public" }, (_, { key }) => {
      expect(key).toBeUndefined();
      return response;
    });
    expect(await once(new Request("https://a.example", { headers: { "idempotency-key": "k" } }))).toBe(response);
  });

  test("a body or an answer too large is refused", async () => {
    const small = onceWeb({ store: memoryStore(), scope: "public", limits: { bodyBytesMax: 10 } }, never);
    expect((await small(request())).status).toBe(413);
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1000)),
      cancel: () => void (cancelled = true),
    });
    const large = onceWeb({ store: memoryStore(), scope: "public" }, () => new Response(endless));
    const answer = await large(request());
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("ONCE_RESULT_TOO_LARGE")]);
    expect(cancelled).toBe(true);
  });

  test("gets the scope of its request", async () => {
    const scope = (request: Request): string => request.headers.get("x-account") ?? "";
    const once = onceWeb({ store: memoryStore(), scope }, (_, execution) => new Response(execution.scope));
    for (const account of ["a", "b"]) {
      expect(await (await once(request({ headers: { "x-account": account } }))).text()).toBe(account);
    }
  });

  test("close waits for what runs", async () => {
    const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<Response>()];
    const once = onceWeb({ store: memoryStore(), scope: "public" }, () => {
      begun.resolve();
      return go.promise;
    });
    const running = once(request());
    await begun.promise;
    const closing = once.close();
    go.resolve(new Response("late"));
    await closing;
    expect(await (await running).text()).toBe("late");
    expect((await once(request({ key: "new" }))).status).toBe(503);
  });
});

describe("in a Hono app on a Node server", () => {
  async function served(handler: WebHandler): Promise<string> {
    const once = onceWeb(
      { store: memoryStore(), scope: "public", limits: { bodyBytesMax: 100_000 }, ...silent },
      handler,
    );
    const app = new Hono();
    app.all("/orders", (context) => once(context.req.raw));
    return `${await startHttpServer(getRequestListener(app.fetch))}/orders`;
  }

  test("a repeat gets the first answer, and other parameters are a conflict", async () => {
    const url = await served(async (request) => Response.json(await request.json(), { status: 201 }));
    expect(await posted(url)).toEqual({ status: 201, text: '{"item":"tea"}', replayed: false });
    expect(await posted(url)).toEqual({ status: 201, text: '{"item":"tea"}', replayed: true });
    expect((await posted(url, "order-7", { body: '{"item":"coffee"}' })).status).toBe(422);
    expect((await posted(url, "")).status).toBe(400);
  });

  test("statuses 200, 201, 204 and 303 are replayed, and so is the lack of a body", async () => {
    const url = await served((_, { key }) => new Response(null, { status: Number(key), headers: { location: "/x" } }));
    for (const status of ["200", "201", "204", "303"]) {
      for (const replayed of [false, true]) {
        const answer = await posted(url, status, { redirect: "manual" });
        expect(answer).toEqual({ status: Number(status), text: "", replayed });
      }
    }
  });

  test("texts, bytes and empty bodies come as they were given, and so do repeats", async () => {
    const bodies: Readonly<Record<string, ConstructorParameters<typeof Response>[0]>> = {
      text: "t\u00e9a \u{1f375} \ud800",
      bytes: Uint8Array.of(0, 255, 10),
      blob: new Blob(["tea"]),
      empty: "",
      none: null,
    };
    const url = await served((_, { key }) => new Response(bodies[String(key)], { headers: { "content-type": "x/y" } }));
    for (const [key, body] of Object.entries(bodies)) {
      const expected = await new Response(body).bytes();
      for (const replayed of [null, "true"]) {
        const response = await post(url, key);
        expect(response.headers.get("idempotent-replayed")).toBe(replayed);
        expect(response.headers.get("content-type")).toBe("x/y");
        expect(await response.bytes(), key).toEqual(expected);
      }
    }
  });

  test("bytes that a handler uses again are those that it gave, and a text counts by its bytes", async () => {
    const inner = memoryStore();
    const bytes = new Uint8Array(8);
    const once = onceWeb(
      {
        scope: "public",
        limits: { resultBytesMax: 1024 },
        store: {
          ...inner,
          async complete(request) {
            bytes.fill(0x2d);
            return inner.complete(request);
          },
        },
        ...silent,
      },
      (_, { key }) => new Response(key === "text" ? "\u00e9".repeat(600) : bytes.fill(0x2b)),
    );
    const url = await startHttpServer(getRequestListener(once));
    for (const replayed of [false, true]) {
      expect(await posted(url, "bytes")).toEqual({ status: 200, text: "++++++++", replayed });
      expect(await (await post(url, "text")).json()).toMatchObject({ code: "ONCE_RESULT_TOO_LARGE" });
    }
  });

  test("of 50 duplicates at once, one runs", async () => {
    let [runs, refused] = [0, 0];
    const url = await served(async () => {
      runs += 1;
      await until(() => refused === 49);
      return new Response("ok");
    });
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const { status } = await posted(url);
        if (status === 409) refused += 1;
        return status;
      }),
    );
    expect(runs).toBe(1);
    expect(new Set(statuses)).toEqual(new Set([200, 409]));
    expect(await posted(url)).toMatchObject({ text: "ok", replayed: true });
  });

  test("GET passes through", async () => {
    const url = await served((_, { key }) => new Response(String(key)));
    const response = await fetch(url, { headers: { "idempotency-key": "k" } });
    expect([await response.text(), response.headers.get("idempotent-replayed")]).toEqual(["undefined", null]);
  });

  test("a body too large is refused, readably", async () => {
    const url = await served(() => expect.fail("ran"));
    const response = await post(url, "large", { body: new Uint8Array(1_000_000) });
    expect([response.status, await response.text()]).toEqual([413, expect.stringContaining("ONCE_BODY_TOO_LARGE")]);
  });
});

test("in a transaction: of 50 duplicates at once, one writes its row, and all get its answer in the end", async () => {
  const { store, orders } = appDatabase();
  const once = onceWeb(
    { mode: "transactional", store, scope: "public", waitMs: 20_000 },
    async (_, { transaction }) => {
      insertOrder(transaction, "tea");
      await new Promise((resolve) => setTimeout(resolve, 20));
      return new Response("ordered", { status: 201 });
    },
  );
  const url = await startHttpServer(getRequestListener(once));
  const answers = await Promise.all(Array.from({ length: 50 }, () => posted(url)));
  expect(answers.every(({ status, text }) => status === 201 && text === "ordered")).toBe(true);
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(orders()).toEqual(["tea"]);
});

describe("a response that could not be sent", () => {
  test("with a body that was read already, or made of neither bytes nor text, is a failure, reported and stored as one", async () => {
    for (const handler of [
      async () => {
        const response = new Response("made", { status: 201 });
        await response.text();
        return response;
      },
      () => new Response(ReadableStream.from([1]) as unknown as ReadableStream<Uint8Array>),
    ]) {
      const errors: unknown[] = [];
      const once = onceWeb({ store: memoryStore(), scope: "public", onError: (error) => errors.push(error) }, handler);
      expect((await once(request())).status).toBe(500);
      expect((await once(request())).status).toBe(500);
      expect(errors).toEqual([expect.any(TypeError)]);
    }
  });

  test("but a stream of texts is sent in UTF-8, as the adapters of Elysia send what a generator yields", async () => {
    const once = onceWeb(
      { store: memoryStore(), scope: "public" },
      () => new Response(ReadableStream.from(["t\u00e9", "a"]) as unknown as ReadableStream<Uint8Array>),
    );
    for (const response of [await once(request()), await once(request())]) {
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("t\u00e9a");
    }
  });

  test("is not there, for a return that was forgotten, is reported in these words", async () => {
    const errors: unknown[] = [];
    const forgetful = (): Response => undefined as unknown as Response;
    const options = { store: memoryStore(), scope: "public", onError: (error: unknown) => errors.push(error) } as const;
    expect((await onceWeb(options, forgetful)(request())).status).toBe(500);
    expect(errors).toEqual([new TypeError("The handler gave no response.")]);
  });

  test("but is in the store is a broken record, and reported as one", async () => {
    const errors: unknown[] = [];
    const store = memoryStore();
    const onError = (error: unknown): void => void errors.push(error);
    const once = onceWeb({ store, scope: "public", onError }, () => new Response("made"));
    await once(request());
    // As an operator's tool, or another version, may have written it.
    const result = new TextEncoder().encode('{"status":200,"headers":[["x-customer","Zoë\\u2028"]]}\nmade');
    const claim: typeof store.claim = async () => ({ kind: "done", result });
    const broken = onceWeb({ store: { ...store, claim }, scope: "public", onError }, never);
    const answer = await broken(request());
    expect([answer.status, await answer.json()]).toEqual([
      500,
      expect.objectContaining({ code: "ONCE_RECORD_BROKEN" }),
    ]);
    expect(errors).toMatchObject([{ code: "ONCE_RECORD_BROKEN" }]);
  });
});

describe("a request that is not the platform's own", () => {
  /** As Next.js hands it over: a proxy, which the platform's constructor does not take for a request. */
  class NextRequest extends Request {
    get cookies(): Map<string, string> {
      return new Map([["session", "7"]]);
    }
    get nextUrl(): URL {
      return new URL(this.url);
    }
  }
  const foreign = (init: RequestInit & { key?: string } = {}): NextRequest =>
    new Proxy(new NextRequest(request(init)), {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });

  test("is handed on as it is, with all that it has beside, and its body can be read", async () => {
    expect(() => new Request(foreign())).toThrow(TypeError);
    const events = new WeakMap<Request, string>();
    const once = onceWeb(
      { store: memoryStore(), scope: (given: NextRequest) => given.cookies.get("session")! },
      async (given: NextRequest, execution: Execution, context: { params: Promise<{ id: string }> }) => {
        const { id } = await context.params;
        const order: unknown = await given.json();
        return Response.json({
          order,
          id,
          scope: execution.scope,
          search: given.nextUrl.search,
          event: events.get(given),
        });
      },
    );
    for (const replayed of [null, "true"]) {
      const given = foreign();
      events.set(given, "event");
      const answer = await once(given, { params: Promise.resolve({ id: "7" }) });
      expect(answer.headers.get("idempotent-replayed")).toBe(replayed);
      expect(await answer.json()).toEqual({
        order: { item: "tea" },
        id: "7",
        scope: "7",
        search: "?a=1",
        event: "event",
      });
    }
  });

  test("can be read again by a handler that runs again, and has all that it had", async () => {
    const { store, orders } = appDatabase();
    let runs = 0;
    const transact: typeof store.transact = async (asked, work, onLateUse) => {
      await store.transact(
        asked,
        async (transaction) => ({ ...(await work(transaction)), keep: "rollback" }),
        onLateUse,
      );
      return store.transact(asked, work, onLateUse);
    };
    for (const ask of [foreign, request]) {
      const key = String(ask === foreign);
      const once = onceWeb(
        { mode: "transactional", store: { ...store, transact }, scope: "public" },
        async (given, { transaction }) => {
          runs += 1;
          const copy = given.clone();
          insertOrder(transaction, ((await given.json()) as { item: string }).item);
          const cookies = "cookies" in given ? (given as NextRequest).cookies.get("session") : "none";
          return Response.json([runs, cookies, given.method, given.bodyUsed, await copy.text()]);
        },
      );
      const expected = ask === foreign ? [2, "7"] : [4, "none"];
      expect(await (await once(ask({ key }))).json()).toEqual([...expected, "POST", true, '{"item":"tea"}']);
    }
    expect(orders()).toEqual(["tea", "tea"]);
  });

  test("that can't be copied is answered with a 503, and its fault is reported", async () => {
    const errors: unknown[] = [];
    const clone = (): never => {
      throw new TypeError("no copy");
    };
    const given = Object.assign(new NextRequest(request()), { clone });
    const once = onceWeb({ store: memoryStore(), scope: "public", onError: (error) => errors.push(error) }, never);
    expect((await once(given)).status).toBe(503);
    expect(errors).toEqual([expect.any(TypeError)]);
  });

  test("is refused when its body is too large, or was read before", async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const once = onceWeb({ store: memoryStore(), scope: "public", limits: { bodyBytesMax: 10 }, onError }, never);
    expect((await once(foreign())).status).toBe(413);
    for (const ask of [foreign, request]) {
      const given = ask();
      await given.text();
      const answer = await once(given);
      expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("ONCE_BODY_CONSUMED")]);
    }
    expect(errors).toMatchObject([{ code: "ONCE_BODY_CONSUMED" }, { code: "ONCE_BODY_CONSUMED" }]);
  });
});
