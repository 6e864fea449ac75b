import { once } from "node:events";
import { connect } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { cloneRawRequest } from "hono/request";
import { validator } from "hono/validator";
import { describe, expect, test } from "vitest";
import { post, posted, startHttpServer } from "../../../../test/support/http-server.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { onceWeb } from "./web.ts";
import { onceHono } from "./hono.ts";
import { lightCopy, lightParts } from "./light-messages.ts";

// A server of `@hono/node-server` gives requests and takes responses of a kind that it brings.

type Handle = (request: Request, signal: AbortSignal) => Response | Promise<Response>;
type More = Partial<Pick<Parameters<typeof onceWeb>[0], "limits" | "onError" | "store">>;
type Fetch = (request: Request) => Response | Promise<Response>;

const options = () => ({ store: memoryStore(), scope: "public", onError: () => undefined }) as const;

/** Routes with a handler behind us, which is given the request as its framework shows it. */
const routes: Readonly<Record<string, (handle: Handle, more?: More) => Fetch>> = {
  onceWeb: (handle, more) => onceWeb({ ...options(), ...more }, (request, { signal }) => handle(request, signal)),
  onceHono(handle, more) {
    const app = new Hono();
    app.all("*", onceHono({ ...options(), ...more }), (context) => handle(context.req.raw, context.get("once").signal));
    return app.fetch;
  },
};

const order = '{"item":"tea"}';
const withType = { headers: { "content-type": "application/json" } };

/** The answers to a first request and to its repeat. */
async function bothAnswers(fetch: Fetch): Promise<Awaited<ReturnType<typeof posted>>[]> {
  const url = await startHttpServer(getRequestListener(fetch));
  return [await posted(url, "k", withType), await posted(url, "k", withType)];
}

const answeredTwice = (text: string, status = 201) => [
  { status, text, replayed: false },
  { status, text, replayed: true },
];

describe.for(Object.keys(routes))("%s on a server of Hono", (name) => {
  const route = routes[name]!;

  test("gives its handler a request of the server's own kind", async () => {
    const kinds: unknown[] = [];
    const fetch = route((request) => {
      expect(request).toBeInstanceOf(Request);
      expect(request.constructor).toBe(Request);
      expect(request.headers.get("idempotency-key")).toBe("k");
      kinds.push(Object.getPrototypeOf(Object.getPrototypeOf(request)));
      return new Response(`${request.method} ${new URL(request.url).pathname}`, { status: 201 });
    });
    const answers = await bothAnswers((request) => {
      kinds.push(Object.getPrototypeOf(request));
      return fetch(request);
    });
    expect(answers).toEqual(answeredTwice("POST /"));
    expect(kinds).toHaveLength(3);
    expect(new Set(kinds).size).toBe(1);
  });

  const reads: Readonly<Record<string, (request: Request) => Promise<unknown>>> = {
    text: (request) => request.text(),
    json: async (request) => JSON.stringify(await request.json()),
    arrayBuffer: async (request) => new TextDecoder().decode(await request.arrayBuffer()),
    bytes: async (request) => new TextDecoder().decode(await request.bytes()),
    blob: async (request) => (await request.blob()).text(),
    stream: (request) => new Response(request.body).text(),
    "new Request": (request) => new Request(request).text(),
    "new Request with another address": (request) => new Request("http://other.example/", request).text(),
  };

  test.for(Object.keys(reads))("its handler reads the body once, as always: %s", async (how) => {
    const answers = await bothAnswers(
      route(async (request) => {
        expect(request.bodyUsed).toBe(false);
        const text = await reads[how]!(request);
        expect(request.bodyUsed).toBe(true);
        await expect(request.text()).rejects.toThrow(TypeError);
        return new Response(String(text), { status: 201 });
      }),
    );
    expect(answers).toEqual(answeredTwice(order));
  });

  test("a chunk of its handler's body has memory for itself", async () => {
    const answers = await bothAnswers(
      route(async (request) => {
        const { value } = await request.body!.getReader().read();
        return new Response(value!.buffer, { status: 201 });
      }),
    );
    expect(answers).toEqual(answeredTwice(order));
  });

  test("a caller that hangs up within its body is no mistake of a middleware, and leaves nothing behind", async () => {
    const errors: unknown[] = [];
    const statuses: number[] = [];
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const fetch = route(async (request) => new Response(await request.text(), { status: 201 }), {
      onError: (error) => errors.push(error),
    });
    const url = await startHttpServer(
      getRequestListener(async (request) => {
        const response = await fetch(request);
        statuses.push(response.status);
        answer();
        return response;
      }),
    );
    const head = `POST / HTTP/1.1\r\nhost: shop\r\nidempotency-key: k\r\ncontent-length: 99\r\n\r\n`;
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write(`${head}{"item`, () => socket.destroy());
    await answered;
    expect(await posted(url, "k")).toEqual({ status: 201, text: order, replayed: false });
    expect(statuses).toHaveLength(2);
    expect(errors).toEqual([]);
  });

  test("its handler may clone the request, and read all of them", async () => {
    const answers = await bothAnswers(
      route(async (request) => {
        const clone = request.clone();
        const texts = [clone.clone(), clone, request].map((one) => one.text());
        return Response.json(new Set(await Promise.all(texts)).size, { status: 201 });
      }),
    );
    expect(answers).toEqual(answeredTwice("1"));
  });

  test("an operation that ends without success ends the signals of its request, and of those made of it", async () => {
    const signals: AbortSignal[] = [];
    await bothAnswers(
      route((request, signal) => {
        expect(request.signal).toBe(signal);
        signals.push(signal, request.clone().signal, new Request(request).signal);
        return new Response("no tea", { status: 404 });
      }),
    );
    expect(signals.map(({ reason }) => reason as unknown)).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ code: "ONCE_OPERATION_ENDED" }) as unknown),
    );
  });

  const responses: Readonly<Record<string, [make: () => Response, headers: Record<string, string | null>]>> = {
    "names that differ in their case": [
      () => new Response("made", { headers: { "X-Shop": "a", "x-shop": "b" } }),
      { "x-shop": "a, b" },
    ],
    "white space around a value": [() => new Response("made", { headers: { "x-shop": " a\t" } }), { "x-shop": "a" }],
    "a letter outside of ASCII": [
      () => new Response("made", { headers: { "x-shop": "café", "content-type": "text/plain" } }),
      { "x-shop": "café" },
    ],
    "a list of pairs": [() => new Response("made", { headers: [["x-shop", "a"]] }), { "x-shop": "a" }],
    "headers that were read": [
      () => {
        const response = new Response("made", { headers: { "x-shop": "a" } });
        response.headers.set("x-shop", "b");
        return response;
      },
      { "x-shop": "b" },
    ],
    "a response that was made of another": [
      () => new Response("made", new Response("other", { headers: { "x-shop": "a" } })),
      { "x-shop": "a" },
    ],
    "no headers": [() => new Response("made"), { "content-type": "text/plain; charset=UTF-8" }],
    "no type": [() => new Response("made", { headers: { "x-shop": "a" } }), { "x-shop": "a" }],
  };

  test.for(Object.keys(responses))("repeats have the headers of the first answer: %s", async (how) => {
    const [make, headers] = responses[how]!;
    const url = await startHttpServer(getRequestListener(route(make)));
    for (const replayed of [null, "true"]) {
      const init = { method: "POST", body: order, headers: { "idempotency-key": "k" } };
      const answer = await fetch(url, init);
      expect([answer.status, await answer.text()]).toEqual([200, "made"]);
      expect(answer.headers.get("idempotent-replayed")).toBe(replayed);
      for (const [header, value] of Object.entries(headers)) expect(answer.headers.get(header), header).toBe(value);
    }
  });

  test.for<ResponseInit>([
    { status: 201, headers: { "x-shop": "a\nb", "content-type": "text/plain" } },
    { status: 201, headers: { "x shop": "a", "content-type": "text/plain" } },
    { status: 101 },
    { status: 199 },
    { status: 600 },
    { status: 204 },
  ])("a response that can't be sent is a failure of the handler: %j", async (init) => {
    const errors: unknown[] = [];
    const [first] = await bothAnswers(
      route(() => new Response("made", init), { onError: (error) => errors.push(error) }),
    );
    expect(first!.status).toBe(500);
    expect(errors).toHaveLength(1);
  });

  test("an empty body and none go out alike, with a length of zero and the type that was given, and so do repeats", async () => {
    for (const body of ["", new Uint8Array(), null]) {
      for (const type of ["x/y", undefined]) {
        const headers = { "x-shop": "a", ...(type && { "content-type": type }) };
        const url = await startHttpServer(
          getRequestListener(route(() => new Response(body, { status: 201, headers }))),
        );
        for (const replayed of [null, "true"]) {
          const response = await post(url, "k");
          expect([response.status, await response.text(), response.headers.get("x-shop")]).toEqual([201, "", "a"]);
          expect(response.headers.get("idempotent-replayed")).toBe(replayed);
          expect(response.headers.get("content-type")).toBe(type ?? null);
          expect(response.headers.get("content-length")).toBe("0");
          expect(response.headers.get("transfer-encoding")).toBeNull();
        }
      }
    }
  });

  test("a response that is not stored is not sent, nor a part of it", async () => {
    const phrases: string[] = [];
    const fetch = route(() => new Response("made", { status: 201, statusText: "Made", headers: { "x-shop": "a" } }), {
      store: { ...memoryStore(), complete: () => Promise.reject(new Error("away")) },
      limits: { storeMsMax: 100 },
    });
    const [first] = await bothAnswers(async (request) => {
      const response = await fetch(request);
      phrases.push(response.statusText);
      return response;
    });
    expect(first).toMatchObject({ status: 504, text: expect.stringContaining("ONCE_") as string });
    expect(phrases[0]).toBe("");
  });

  test("a response with more bytes than may be stored is refused, also where it has fewer letters", async () => {
    const limits = { resultBytesMax: 2048 };
    const [first] = await bothAnswers(route(() => new Response("é".repeat(1100)), { limits }));
    expect(first!.text).toContain("ONCE_RESULT_TOO_LARGE");
    const second = await bothAnswers(route(() => new Response("é".repeat(500), { status: 201 }), { limits }));
    expect(second).toEqual(answeredTwice("é".repeat(500)));
  });

  test("a handler in it that is wrapped once more is refused", async () => {
    const errors: unknown[] = [];
    const inner = onceWeb({ ...options(), onError: (error) => errors.push(error) }, () => expect.fail("ran"));
    const [first] = await bothAnswers(route((request) => inner(request)));
    expect(first!.text).toContain("ONCE_MOUNTED_TWICE");
    expect(errors).toContainEqual(expect.objectContaining({ code: "ONCE_MOUNTED_TWICE" }));
  });

  test("a request without a body stays one", async () => {
    const url = await startHttpServer(getRequestListener(route(async (request) => new Response(await request.text()))));
    expect(await posted(url, "k", { body: null })).toEqual({ status: 200, text: "", replayed: false });
  });

  test("what is in front sees the reason phrase of the handler's response, where there is one", async () => {
    const phrases: string[] = [];
    const fetch = route(() => new Response("made", { status: 201, statusText: "Made" }));
    await bothAnswers(async (request) => {
      const response = await fetch(request);
      phrases.push(response.statusText);
      return response;
    });
    expect(phrases).toEqual(["Made", ""]);
  });
});

const members =
  "cache credentials destination duplex integrity keepalive method mode redirect referrer referrerPolicy url";

/** The uses that a handler may have for its request. */
const uses: Readonly<Record<string, (request: Request) => unknown>> = {
  "read its members": (request) =>
    members.split(" ").map((name) => String(Reflect.get(request, name)).replace(/\d{4,5}/, "")),
  "show itself": (request) => {
    const shown: unknown = request;
    return [String(shown), Object.keys(request), request instanceof Request];
  },
  "read its form": async (request) => [...(await request.formData()).keys()],
  "read it as a blob": async (request) => (await request.blob()).type,
  "read it by a loop": async (request) => [(await Array.fromAsync(request.body!)).length],
  "read both of two streams": (request) => Promise.all(request.body!.tee().map((one) => new Response(one).text())),
  "read it while its stream is locked": async (request) => {
    const reader = request.body!.getReader();
    return [await request.text().catch(typeOf), request.bodyUsed, (await reader.read()).value!.length];
  },
  "cancel its stream": async (request) => [await request.body!.cancel(), await request.text().catch(typeOf)],
  "clone it when it was read": async (request) => [await request.text(), await clonedText(request).catch(typeOf)],
  "set its headers": (request) => [request.headers.set("x-shop", "a"), request.headers.get("x-shop")],
  "give another body": async (request) => [await new Request(request, { body: "b" }).text(), await request.text()],
  "give another method": async (request) => [await new Request(request, { method: "PUT" }).text(), request.bodyUsed],
};
const typeOf = (error: unknown): string => (error as Error).constructor.name;
const clonedText = async (request: Request): Promise<string> => request.clone().text();

describe.for(Object.keys(routes))("behind %s, a request of a server of Hono does as without it", (name) => {
  test.for(Object.keys(uses))("%s", async (use) => {
    const handle: Handle = async (request) => Response.json(await uses[use]!(request));
    const texts: string[] = [];
    for (const fetch of [(request: Request) => handle(request, request.signal), routes[name]!(handle)]) {
      const url = await startHttpServer(getRequestListener(fetch));
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      texts.push((await posted(url, "k", { body: "item=tea", headers })).text);
    }
    expect(texts[0]).toMatch(/^["[]/);
    expect(texts[1]).toBe(texts[0]);
  });
});

test("Hono's own helpers read the request of a server of Hono, once and again", async () => {
  const app = new Hono();
  const parse = validator("json", (value: unknown) => value as { item: string });
  app.post("/", onceHono(options()), parse, async (context) => {
    const clone = await cloneRawRequest(context.req);
    const texts = [await context.req.text(), JSON.stringify(await context.req.json()), await clone.text()];
    return context.text(`${context.req.valid("json").item} ${new Set(texts).size}`, 201);
  });
  expect(await bothAnswers(app.fetch)).toEqual(answeredTwice("tea 1"));
});

test("a rule of the route may read the request: its handler's is unread, and has the operation's signal", async () => {
  const connections: AbortSignal[] = [];
  const fingerprint = (_: unknown, { req }: Context): string => {
    void req.raw.clone().text();
    return "same";
  };
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const app = new Hono();
  app.use((context, next) => {
    connections.push(context.req.raw.signal);
    return next();
  });
  app.post("/", onceHono({ ...options(), waitMs: 20_000, fingerprint }), async (context) => {
    const { raw } = context.req;
    const signals = [raw, raw.clone(), new Request(raw.clone())].map(({ signal }) => signal);
    begin();
    if (!connections[0]!.aborted) await once(connections[0]!, "abort");
    return context.text(`${signals.map(({ aborted }) => aborted).join(" ")} ${await raw.text()}`, 201);
  });
  const url = await startHttpServer(getRequestListener(app.fetch));
  const caller = new AbortController();
  const sent = post(url, "k", { signal: caller.signal }).catch((error: unknown) => error);
  await begun;
  caller.abort();
  expect(await sent).toMatchObject({ name: "AbortError" });
  expect(await posted(url, "k")).toEqual({ status: 201, text: `false false false ${order}`, replayed: true });
});

test("a rule of the route may put another request there, which its handler is given", async () => {
  const app = new Hono();
  const other = new Request("http://other.example/");
  const fingerprint = (_: unknown, { req }: Context): string => {
    req.raw = other;
    return "same";
  };
  app.post("/", onceHono({ ...options(), fingerprint }), ({ req }) => new Response(String(req.raw === other)));
  expect(await bothAnswers(app.fetch)).toEqual(answeredTwice("true", 200));
});

test("messages of other classes, and of other versions of the server, are no light ones", async () => {
  expect(lightParts(new (Object.getPrototypeOf(Response) as typeof Response)("made"))).toBeUndefined();
  const other = Object.assign(Object.create(Response.prototype) as Response, { [Symbol("cache")]: [200, "made"] });
  Reflect.setPrototypeOf(other, {});
  expect(lightParts(other)).toBeUndefined();
  const source = new AbortController();
  const native = new Request("http://shop.example/", { method: "POST", body: order });
  expect(lightCopy(native, new TextEncoder().encode(order), source)).toBeUndefined();
  const seen: unknown[] = [];
  await bothAnswers((request) => {
    seen.push(lightCopy(request, new Uint8Array(), source), lightParts(new Response("made")));
    return new Response("made");
  });
  expect(seen.slice(0, 2)).toEqual([undefined, [200, "made", undefined]]);
});

test("a rule of the route may read the body of the request, and its handler too", async () => {
  const app = new Hono();
  const fingerprint = (_: unknown, { req }: Context): Promise<string> => req.text();
  app.post("/", onceHono({ ...options(), fingerprint }), async ({ req }) => new Response(await req.raw.text()));
  expect(await bothAnswers(app.fetch)).toEqual(answeredTwice(order, 200));
});

test("a handler that writes into what it reads leaves the body of the next run as it was", async () => {
  const answers = await bothAnswers(async (request) => {
    expect(request.headers.get("idempotency-key")).toBe("k");
    const bytes = new Uint8Array(await request.arrayBuffer());
    const source = new AbortController();
    const reader = lightCopy(request, bytes, source)!.body!.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) read.value.fill(0);
    return lightCopy(request, bytes, source)!
      .text()
      .then((text) => new Response(text));
  });
  expect(answers.map(({ text }) => text)).toEqual([order, order]);
});
