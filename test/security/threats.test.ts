import { expect, test } from "vitest";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";

// Attacks on a route, one test a threat; SECURITY.md names them.

function orders(handler: (request: Request) => Response | Promise<Response> = made) {
  const store = memoryStore();
  const serve = onceWeb(
    {
      store,
      scope: (request) => request.headers.get("x-account")!,
      limits: { bodyBytesMax: 1024 },
      onError: () => undefined,
    },
    handler,
  );
  const send = (account: string, init: RequestInit & { key?: string } = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    headers.set("x-account", account);
    headers.set("idempotency-key", init.key ?? "order-1");
    const streaming = init.body instanceof ReadableStream ? ({ duplex: "half" } as const) : {};
    return serve(
      new Request("http://shop.example/orders", { method: "POST", body: "{}", ...init, ...streaming, headers }),
    );
  };
  return { store, send };
}

let runs = 0;
const made = (): Response => Response.json({ run: (runs += 1) }, { status: 201 });

test("cross-tenant replay: another account's key is a new key", async () => {
  const { send } = orders((request) => Response.json({ for: request.headers.get("x-account") }));
  expect(await (await send("alice")).json()).toEqual({ for: "alice" });
  const guess = await send("mallory");
  expect([await guess.json(), guess.headers.get("idempotent-replayed")]).toEqual([{ for: "mallory" }, null]);
  expect(await (await send("alice")).json()).toEqual({ for: "alice" });
});

test("cross-tenant replay: no account and key run together into another account's", async () => {
  const { store, send } = orders();
  const names = [
    ["a", "b:c"],
    ["a:b", "c"],
    ["a", "b|c"],
    ["a|b", "c"],
  ] as const;
  for (const [account, key] of names) await send(account, { key });
  expect(await store.list({})).toHaveLength(names.length);
});

test("key guessing: the response to a used key with another request reveals only that the key was used", async () => {
  const { send } = orders(() => new Response("the secret", { headers: { "x-secret": "1" } }));
  await send("alice");
  const guess = await send("alice", { body: "not the request" });
  expect([guess.status, guess.headers.get("x-secret")]).toEqual([422, null]);
  expect(await guess.text()).not.toContain("secret");
});

test("header spoofing: a request can't claim to be a replay, an owner or another scope", async () => {
  const { store, send } = orders();
  const headers = {
    "idempotent-replayed": "true",
    "idempotency-scope": "alice",
    "x-once-owner": "0".repeat(32),
    "x-once-attempt": "7",
  };
  const answer = await send("mallory", { headers });
  expect([answer.status, answer.headers.get("idempotent-replayed")]).toEqual([201, null]);
  const [only, ...others] = await store.list({});
  expect([only?.scope, only?.record.attempt, others.length]).toEqual(["mallory", 1, 0]);
});

test("huge bodies: an endless one is refused after its bound, and no more of it is read", async () => {
  const { store, send } = orders();
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(512));
      },
    },
    { highWaterMark: 0 },
  );
  const answer = await send("mallory", { body });
  expect(answer.status).toBe(413);
  expect(pulled).toBeLessThan(8);
  expect(await store.list({})).toEqual([]);
});

test("response leaks: a session is not handed to a repeat, and a failure reveals nothing of the inside", async () => {
  const { send } = orders((request) => {
    if (request.url.endsWith("orders") && request.headers.has("x-fail")) throw new Error("password=hunter2");
    return new Response("ok", { headers: { "set-cookie": "session=alice", "x-plain": "1" } });
  });
  expect((await send("alice")).headers.get("set-cookie")).toBe("session=alice");
  const repeat = await send("alice");
  expect([repeat.headers.get("set-cookie"), repeat.headers.get("x-plain")]).toEqual([null, "1"]);
  const failed = await send("alice", { key: "order-2", headers: { "x-fail": "1" } });
  expect(failed.status).toBe(500);
  expect(await failed.text()).not.toContain("hunter2");
});

test.each(["", " ", '"open', "a".repeat(256), "k\u00e9y", "a, b"])(
  "strange keys: %j gets a 400 and leaves no trace",
  async (key) => {
    const { store, send } = orders();
    expect((await send("mallory", { key })).status).toBe(400);
    expect(await store.list({})).toEqual([]);
  },
);
