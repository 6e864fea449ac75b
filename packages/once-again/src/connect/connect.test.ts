import { once as nextEvent } from "node:events";
import { createServer } from "node:http";
import { createServer as createServer2 } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { DatabaseSync } from "node:sqlite";
import { create } from "@bufbuild/protobuf";
import {
  type CallOptions,
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
  type ServiceImpl,
  type Transport,
} from "@connectrpc/connect";
import {
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Orders } from "../../../../examples/connect/orders.ts";
import { effectsDatabase } from "../../../../test/support/effects-database.ts";
import { waitMsMax } from "../../../../test/support/wait-ms-max.ts";
import { NoEffectError } from "../engine/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { errorMetadata, executionOf, onceConnect, retryingConnect } from "./index.ts";

type Impl = Partial<ServiceImpl<typeof Orders>>;
type Rules = Partial<Parameters<typeof onceConnect>[0]>;

/** The connections of a server, to be cut. */
interface Place {
  readonly transport: Transport;
  cut(): void;
}

type Open = (impl: Impl, server: Interceptor[], client: Interceptor[]) => Promise<Place>;

function loopback(isHttp2: boolean, connect: (baseUrl: string, interceptors: Interceptor[]) => Transport): Open {
  return async (impl, interceptors, client) => {
    const handler = connectNodeAdapter({
      interceptors,
      compressMinBytes: 0,
      routes: (router) => router.service(Orders, impl),
    });
    const server = isHttp2 ? createServer2(handler) : createServer(handler);
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => sockets.add(socket));
    server.listen(0, "127.0.0.1");
    await nextEvent(server, "listening");
    const cut = (): void => sockets.forEach((socket) => socket.destroy());
    onTestFinished(() => {
      cut();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return { transport: connect(`http://127.0.0.1:${port}`, client), cut };
  };
}

const places: Record<string, Open> = {
  "Connect, HTTP/1.1": loopback(false, (baseUrl, interceptors) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors }),
  ),
  "Connect as JSON, HTTP/2": loopback(true, (baseUrl, interceptors) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false, interceptors }),
  ),
  "gRPC, HTTP/2": loopback(true, (baseUrl, interceptors) => createGrpcTransport({ baseUrl, interceptors })),
  "gRPC-Web, HTTP/1.1": loopback(false, (baseUrl, interceptors) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "1.1", interceptors }),
  ),
  "in memory": async (impl, interceptors, client) => ({
    transport: createRouterTransport((router) => router.service(Orders, impl), {
      router: { interceptors },
      transport: { interceptors: client },
    }),
    cut: () => undefined,
  }),
};

interface Shop extends Place {
  readonly client: ReturnType<typeof createClient<typeof Orders>>;
  /** The items that were ordered. */
  readonly orders: string[];
  readonly onError: ReturnType<typeof vi.fn>;
}

async function openShop(
  open: Open,
  { impl = {}, rules = {}, client = [] }: { impl?: Impl; rules?: Rules; client?: Interceptor[] } = {},
): Promise<Shop> {
  const orders: string[] = [];
  const onError = vi.fn<(error: unknown) => void>();
  const once = onceConnect({ store: memoryStore(), scope: "public", onError, ...rules } as Parameters<
    typeof onceConnect
  >[0]);
  onTestFinished(() => once.close());
  const order: ServiceImpl<typeof Orders>["create"] = async ({ item }, context) => {
    orders.push(item);
    context.responseHeader.set("x-order", item);
    context.responseTrailer.set("x-total", "1");
    return { id: `order-${orders.length}`, item };
  };
  const place = await open({ create: order, cancel: order, put: order, get: order, ...impl }, [once], client);
  return { ...place, client: createClient(Orders, place.transport), orders, onError };
}

const keyed = (key: string, more: CallOptions = {}): CallOptions => ({
  headers: { "idempotency-key": key },
  ...more,
});

async function refusalOf(call: Promise<unknown>): Promise<ConnectError> {
  const error: unknown = await call.then(
    () => expect.fail("the call was not refused"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

const ownCode = ({ metadata }: ConnectError) => metadata.get(errorMetadata);

describe.each(Object.entries(places))("%s", (name, open) => {
  test("transactional: rows and response commit together, and what fails leaves none", async () => {
    const { store, effects } = effectsDatabase("connect");
    onTestFinished(() => store.close());
    const ends = [
      new ConnectError("the database is away", Code.Internal),
      undefined,
      new ConnectError("no such item", Code.NotFound),
    ];
    let runs = 0;
    const { client } = await openShop(open, {
      rules: { mode: "transactional", store } as Rules,
      impl: {
        create: async ({ item }, context) => {
          executionOf<DatabaseSync>(context).transaction.exec(`INSERT INTO effects VALUES ('${item}')`);
          const end = ends[(runs += 1) - 1];
          if (end !== undefined) throw end;
          return { id: `order-${runs}`, item };
        },
      },
    });
    const order = (item: string) => client.create({ item }, keyed(item));

    expect((await refusalOf(order("tea"))).code).toBe(Code.Internal);
    expect(effects()).toEqual([]);
    expect(await order("tea")).toMatchObject({ id: "order-2" });
    expect(await order("tea")).toMatchObject({ id: "order-2" });
    expect((await refusalOf(order("milk"))).code).toBe(Code.NotFound);
    expect((await refusalOf(order("milk"))).code).toBe(Code.NotFound);
    expect([runs, effects()]).toEqual([3, ["tea"]]);
  });

  test("a repeat gets the first message, header and trailer, marked, and nothing happens twice", async () => {
    const { client, orders } = await openShop(open);
    const seen: Headers[] = [];
    const call = () =>
      client.create(
        { item: "tea" },
        keyed('"k1"', { onHeader: (header) => seen.push(header), onTrailer: (trailer) => seen.push(trailer) }),
      );
    const first = await call();
    // The same key without quotes.
    expect(await client.create({ item: "tea" }, keyed("k1"))).toEqual(first);
    expect(await call()).toEqual(first);
    expect(orders).toEqual(["tea"]);
    const [header, trailer, replayedHeader, replayedTrailer] = seen;
    expect(header!.get("idempotent-replayed")).toBeNull();
    expect(replayedHeader!.get("idempotent-replayed")).toBe("true");
    expect(replayedHeader!.get("x-order")).toBe("tea");
    expect(replayedHeader!.get("content-type")).toBe(header!.get("content-type"));
    expect([trailer!.get("x-total"), replayedTrailer!.get("x-total")]).toEqual(["1", "1"]);
  });

  test("of ten at once, one runs, and all get its response", async () => {
    const { client, orders } = await openShop(open);
    const receipts = await Promise.all(Array.from({ length: 10 }, () => client.create({ item: "tea" }, keyed("k1"))));
    expect(new Set(receipts.map(({ id }) => id))).toEqual(new Set(["order-1"]));
    expect(orders).toEqual(["tea"]);
  });

  test("one that is running is said to be so, with a time to come back", async () => {
    const gate = Promise.withResolvers<void>();
    const create = vi.fn<ServiceImpl<typeof Orders>["create"]>(async () => {
      await gate.promise;
      return { id: "late" };
    });
    const { client } = await openShop(open, { impl: { create }, rules: { waitMs: 0 } });
    const first = client.create({}, keyed("k1"));
    await expect.poll(() => create.mock.calls.length, { timeout: waitMsMax }).toBe(1);
    const refused = await refusalOf(client.create({}, keyed("k1")));
    expect([refused.code, ownCode(refused)]).toEqual([Code.Aborted, "ONCE_IN_PROGRESS"]);
    expect(refused.metadata.get("grpc-retry-pushback-ms")).toMatch(/^\d+$/);
    gate.resolve();
    expect((await first).id).toBe("late");
  });

  test("a changed message or method under one key is refused", async () => {
    const { client, orders } = await openShop(open);
    await client.create({ item: "tea", labels: { a: "1", b: "2" } }, keyed("k1"));
    await client.create({ item: "tea", labels: { b: "2", a: "1" } }, keyed("k1"));
    const calls = [
      () => client.create({ item: "coffee", labels: { a: "1", b: "2" } }, keyed("k1")),
      () => client.cancel({ item: "tea", labels: { a: "1", b: "2" } }, keyed("k1")),
    ];
    for (const call of calls) {
      const refused = await refusalOf(call());
      expect([refused.code, ownCode(refused)]).toEqual([Code.InvalidArgument, "ONCE_KEY_REUSED"]);
    }
    expect(orders).toEqual(["tea"]);
  });

  test("a missing or malformed key is refused where the method needs one", async () => {
    const { client, orders } = await openShop(open);
    for (const options of [{}, keyed('"broken'), keyed("a, b"), keyed("x".repeat(256))]) {
      const refused = await refusalOf(client.create({ item: "tea" }, options));
      expect([refused.code, ownCode(refused)]).toEqual([Code.InvalidArgument, "ONCE_KEY_INVALID"]);
    }
    expect(orders).toEqual([]);
    await client.put({ item: "put" });
    await client.put({ item: "once" }, keyed("k1"));
    await client.put({ item: "once" }, keyed("k1"));
    await client.get({ item: "get" }, keyed("k1"));
    expect(orders).toEqual(["put", "once", "get"]);
  });

  test("a stored refusal comes again with its details; another error leaves the outcome unknown", async () => {
    const create = vi.fn<ServiceImpl<typeof Orders>["create"]>(({ item }) => {
      if (item === "none") throw new ConnectError("sold out", Code.NotFound, { "x-shop": "1" }, [detail]);
      throw new ConnectError("broken", Code.Internal);
    });
    const detail = { desc: Orders.method.create.output, value: { id: "detail" } };
    const { client } = await openShop(open, { impl: { create } });
    const first = await refusalOf(client.create({ item: "none" }, keyed("k1")));
    const repeat = await refusalOf(client.create({ item: "none" }, keyed("k1")));
    for (const one of [first, repeat]) {
      expect([one.code, one.rawMessage, one.metadata.get("x-shop")]).toEqual([Code.NotFound, "sold out", "1"]);
      expect(one.findDetails(detail.desc)).toMatchObject([{ id: "detail" }]);
    }
    expect([first, repeat].map(({ metadata }) => metadata.get("idempotent-replayed"))).toEqual([null, "true"]);
    expect((await refusalOf(client.create({ item: "x" }, keyed("k2")))).code).toBe(Code.Internal);
    const held = await refusalOf(client.create({ item: "x" }, keyed("k2")));
    expect([held.code, ownCode(held)]).toEqual([Code.FailedPrecondition, "ONCE_OUTCOME_UNKNOWN"]);
    expect(create).toHaveBeenCalledTimes(2);
  });

  test("a caller that cancels, or that has no time left, ends its own waiting, and a repeat gets the response", async () => {
    const gate = Promise.withResolvers<void>();
    const create = vi.fn<ServiceImpl<typeof Orders>["create"]>(async (_, { signal }) => {
      await gate.promise;
      return { id: String(signal.aborted) };
    });
    const { client } = await openShop(open, { impl: { create } });
    const controller = new AbortController();
    const cancelled = refusalOf(client.create({}, keyed("k1", { signal: controller.signal })));
    await expect.poll(() => create.mock.calls.length, { timeout: waitMsMax }).toBe(1);
    controller.abort();
    expect((await cancelled).code).toBe(Code.Canceled);
    const late = await refusalOf(client.create({}, keyed("k2", { timeoutMs: 50 })));
    expect(late.code).toBe(Code.DeadlineExceeded);
    gate.resolve();
    expect((await client.create({}, keyed("k1"))).id).toBe("false");
    expect((await client.create({}, keyed("k2"))).id).toBe("false");
    expect(create).toHaveBeenCalledTimes(2);
  });

  test("streams with side effects are refused, and pass by an option", async () => {
    const list = async function* () {
      yield { id: "one" };
    };
    const readAll = async (stream: AsyncIterable<{ id: string }>) => (await Array.fromAsync(stream)).length;
    const impl = { watch: list, list };
    const { client } = await openShop(open, { impl });
    expect((await refusalOf(readAll(client.watch({})))).code).toBe(Code.Unimplemented);
    expect(await readAll(client.list({}))).toBe(1);
    const passing = await openShop(open, { impl, rules: { streams: "pass" }, client: [retryingConnect()] });
    expect(await readAll(passing.client.watch({}))).toBe(1);
  });

  test.skipIf(name === "in memory")("a response that is lost is fetched again: one effect, by one key", async () => {
    const keys: (string | null)[] = [];
    let cut = (): void => undefined;
    const create = vi.fn<ServiceImpl<typeof Orders>["create"]>(async (_, { requestHeader }) => {
      keys.push(requestHeader.get("idempotency-key"));
      setImmediate(() => cut());
      // It ends when its caller is gone.
      await new Promise((resolve) => void setTimeout(resolve, 20));
      return { id: "once" };
    });
    const attempts: unknown[] = [];
    const retries = retryingConnect({
      keys: true,
      backoff: () => 10,
      onEvent: (event) => event.type === "attempt-failed" && attempts.push(event.error),
    });
    const shop = await openShop(open, { impl: { create }, client: [retries] });
    cut = () => {
      cut = () => undefined;
      shop.cut();
    };
    expect((await shop.client.create({ item: "tea" })).id).toBe("once");
    expect(attempts.length).toBeGreaterThan(0);
    expect(create).toHaveBeenCalledOnce();
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });
});

describe("the server", () => {
  const open = places["in memory"]!;

  test("each caller has keys of its account, and a scope may refuse one", async () => {
    const scope: Rules["scope"] = ({ header }) => {
      const account = header.get("x-account");
      if (account === null) throw new ConnectError("sign in", Code.Unauthenticated);
      return account;
    };
    const { client, orders, onError } = await openShop(open, { rules: { scope } });
    const call = (account?: string) =>
      client.create(
        { item: account ?? "" },
        { headers: { "idempotency-key": "k1", ...(account !== undefined && { "x-account": account }) } },
      );
    await call("alice");
    await call("bob");
    expect(orders).toEqual(["alice", "bob"]);
    expect((await refusalOf(call())).code).toBe(Code.Unauthenticated);
    expect(onError).not.toHaveBeenCalled();
  });

  test("a handler that had no effect runs again, and finds its operation", async () => {
    const keys: (string | undefined)[] = [];
    const impl: Impl = {
      create: (_, context) => {
        keys.push(executionOf(context).key);
        throw new NoEffectError("Come back later.", { retryAfterMs: 5000 });
      },
      get: (_, context) => ({ id: executionOf(context).key ?? "" }),
    };
    const { client, onError } = await openShop(open, { impl });
    for (let at = 0; at < 2; at += 1) {
      const refused = await refusalOf(client.create({}, keyed("k1")));
      expect([refused.code, refused.rawMessage]).toEqual([Code.Unavailable, "Come back later."]);
      expect(Number(refused.metadata.get("grpc-retry-pushback-ms"))).toBeGreaterThanOrEqual(5000);
    }
    expect(keys).toEqual(["k1", "k1"]);
    expect((await refusalOf(client.get({}))).code).toBe(Code.Internal);
    expect(onError).not.toHaveBeenCalled();
  });

  test("a call that passes twice is refused", async () => {
    const shop = await openShop(async (impl, server, client) => open(impl, [...server, ...server], client));
    const refused = await refusalOf(shop.client.create({}, keyed("k1")));
    expect(ownCode(refused)).toBe("ONCE_MOUNTED_TWICE");
    expect(shop.orders).toEqual([]);
  });

  test("what a person has settled is the message as JSON", async () => {
    const store = memoryStore();
    const impl: Impl = { create: () => Promise.reject(new Error("broken")) };
    const { client } = await openShop(open, { impl, rules: { store } });
    await refusalOf(client.create({ item: "tea" }, keyed("k1")));
    const result = new TextEncoder().encode('{"status":200,"headers":[]}\n{"id":"found"}');
    const settlement = { as: "done", result, retentionMs: 60_000 } as const;
    expect(await store.resolve({ scope: "public", key: "k1", settlement })).toBe(true);
    expect((await client.create({ item: "tea" }, keyed("k1"))).id).toBe("found");
  });

  test("reconcile looks up what an earlier attempt did", async () => {
    const impl: Impl = { create: () => Promise.reject(new Error("broken")) };
    const onUnknown = async () => ({ found: create(Orders.method.create.output, { id: "found" }) });
    const { client } = await openShop(open, { impl, rules: { onUnknown } });
    await refusalOf(client.create({ item: "tea" }, keyed("k1")));
    expect((await client.create({ item: "tea" }, keyed("k1"))).id).toBe("found");
  });

  test.each<[string, object, string]>([
    ["no scope", { scope: undefined }, "scope must be"],
    ["a fixed scope", { scope: "alice" }, "scope must be"],
    ["a wrong name", { keyrequired: true }, "keyRequired?"],
    ["a wrong choice", { streams: "drop" }, "streams must be"],
    ["a key header that is no name", { keyHeader: "a b" }, "keyHeader must be"],
  ])("%s is a clear error", (_, options, message) => {
    expect(() => onceConnect({ store: memoryStore(), scope: "public", ...options } as never)).toThrow(
      expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(message) }),
    );
  });
});

describe("the client", () => {
  const open = places["in memory"]!;
  const fast = { backoff: () => 0, budget: "off" } as const;

  /** A server without keys, which fails as often as there are errors. */
  async function failing(errors: ConnectError[], options: Parameters<typeof retryingConnect>[0] = {}) {
    const headers: Headers[] = [];
    const delays: number[] = [];
    const order: ServiceImpl<typeof Orders>["create"] = (_, { requestHeader }) => {
      headers.push(requestHeader);
      const error = errors.shift();
      if (error !== undefined) throw error;
      return { id: "done" };
    };
    const onEvent: NonNullable<Parameters<typeof retryingConnect>[0]>["onEvent"] = (event) =>
      event.type === "retry-scheduled" && delays.push(event.delayMs);
    const retries = retryingConnect({ ...fast, onEvent, ...options });
    const { transport } = await open({ create: order, put: order, get: order }, [], [retries]);
    return { client: createClient(Orders, transport), headers, delays };
  }
  const unavailable = (metadata: Record<string, string> = {}) => new ConnectError("away", Code.Unavailable, metadata);

  test("all attempts have one key, and the caller's own wins", async () => {
    const { client, headers } = await failing([unavailable(), unavailable()], { keys: true });
    await client.create({});
    const keys = headers.map((header) => header.get("idempotency-key"));
    expect(new Set(keys).size).toBe(1);
    expect(headers.map((header) => header.get("grpc-previous-rpc-attempts"))).toEqual([null, "1", "2"]);
    await client.create({}, keyed("mine"));
    expect(headers.at(-1)!.get("idempotency-key")).toBe("mine");
    const refused = await refusalOf(client.create({}, keyed('"broken')));
    expect([refused.code, ownCode(refused)]).toEqual([Code.InvalidArgument, "ONCE_KEY_INVALID"]);
    expect(headers).toHaveLength(4);
  });

  test("a call that may have had its effect is not made again, unless its method is safe or its server honours keys", async () => {
    const unsafe = await failing([unavailable()]);
    expect((await refusalOf(unsafe.client.create({}))).code).toBe(Code.Unavailable);
    expect(unsafe.headers).toHaveLength(1);
    const safe = await failing([unavailable(), unavailable()]);
    await safe.client.put({});
    await safe.client.get({});
    expect(safe.headers.map((header) => header.has("idempotency-key"))).toEqual([false, false, false, false]);
    const released = await failing([unavailable({ [errorMetadata]: "ONCE_NO_EFFECT" })]);
    expect((await released.client.create({})).id).toBe("done");
  });

  test("pushback is the least wait, and a negative or malformed one ends the call", async () => {
    const waiting = await failing([unavailable({ "grpc-retry-pushback-ms": "30" })]);
    await waiting.client.get({});
    expect(waiting.delays).toEqual([30]);
    for (const pushback of ["-1", "soon", "1.5", "", "99999999999"]) {
      const stopped = await failing([unavailable({ "grpc-retry-pushback-ms": pushback })]);
      expect((await refusalOf(stopped.client.get({}))).rawMessage).toBe("away");
      expect(stopped.headers).toHaveLength(1);
    }
  });

  test("a refusal is not tried again, and a call that is given up says why", async () => {
    const refused = await failing([new ConnectError("no", Code.InvalidArgument)]);
    expect((await refusalOf(refused.client.get({}))).code).toBe(Code.InvalidArgument);
    expect(refused.headers).toHaveLength(1);
    const tired = await failing([unavailable({ "x-a": "1" }), unavailable({ "x-a": "1" })], { attemptsMax: 2 });
    const error = await refusalOf(tired.client.get({}));
    expect([error.code, error.metadata.get("x-a")]).toEqual([Code.Unavailable, "1"]);
    expect(error.cause).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED" });
    const late = await failing([unavailable({ "grpc-retry-pushback-ms": "60000" })], { timeoutMs: 1000 });
    const gaveUp = await refusalOf(late.client.get({}));
    expect([gaveUp.code, ownCode(gaveUp)]).toEqual([Code.DeadlineExceeded, "ONCE_DEADLINE_EXCEEDED"]);
  });

  test("a budget that is used up ends the retries", async () => {
    const budget = { tryTake: () => false, onSuccess: () => undefined };
    const { client, headers } = await failing([unavailable()], { budget });
    expect((await refusalOf(client.get({}))).cause).toMatchObject({ code: "ONCE_BUDGET_EXHAUSTED" });
    expect(headers).toHaveLength(1);
  });

  test("the timeout of the call bounds all attempts, and the server learns what is left of it", async () => {
    const { client, headers } = await failing([unavailable({ "grpc-retry-pushback-ms": "20" })]);
    await client.get({}, { timeoutMs: 60_000 });
    const [first, second] = headers.map((header) => Number(header.get("connect-timeout-ms")));
    expect(first).toBe(60_000);
    expect(second).toBeLessThanOrEqual(59_981);
    const slow = await failing(Array.from({ length: 9 }, () => unavailable({ "grpc-retry-pushback-ms": "40" })));
    expect((await refusalOf(slow.client.get({}, { timeoutMs: 50 }))).code).toBe(Code.DeadlineExceeded);
  });

  test("a server that is not there has done nothing", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await nextEvent(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await nextEvent(server, "close");
    const retries = retryingConnect({ ...fast, attemptsMax: 3 });
    const transport = createConnectTransport({
      baseUrl: `http://127.0.0.1:${port}`,
      httpVersion: "1.1",
      interceptors: [retries],
    });
    const error = await refusalOf(createClient(Orders, transport).create({}));
    expect(error.cause).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED", details: { attempts: 3, noEffect: true } });
  });

  test("a misspelt option is refused", () => {
    expect(() => retryingConnect({ retries: 3 } as never)).toThrow("Did you mean attemptsMax?");
    expect(() => retryingConnect({ keys: ["https://shop.example"] } as never)).toThrow("keys must be");
  });
});
