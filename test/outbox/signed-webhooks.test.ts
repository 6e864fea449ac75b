/** Webhooks that a relay sends: signed, and received by the official library and by our own route. */
import { setTimeout } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import {
  openRelay,
  type OutboxMessage,
  publishToHttp,
  type RelayEvent,
  signWebhooks,
} from "../../packages/once-again/src/messaging/outbox/index.ts";
import type { HttpPublisherOptions } from "../../packages/once-again/src/messaging/outbox/publishers/http.ts";
import { standardWebhooks, webhookRoute } from "../../packages/once-again/src/messaging/webhooks/index.ts";
import { sqliteOutbox, sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { startHttpServer } from "../support/http-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
const [before, now, others] = [1, 2, 3].map(secretOf) as [string, string, string];
const message: OutboxMessage = {
  id: "019abc",
  topic: "order.paid",
  orderingKey: undefined,
  headers: {},
  body: new TextEncoder().encode('{"type":"order.paid","data":{"item":"tea ä"}}'),
  addedAt: 0,
};

/** An outbox with messages for an endpoint, and a relay that ends with the test. */
function sending(options: HttpPublisherOptions) {
  const path = `${temporaryFolder()}/shop.db`;
  const outbox = sqliteOutbox({ path });
  const shop = new DatabaseSync(path, { timeout: 10_000 });
  const events: RelayEvent[] = [];
  const relay = openRelay({
    outbox,
    publish: publishToHttp(options),
    backoff: () => 1,
    pauseBackoff: () => 1,
    pollMs: 10,
    onEvent: (event) => events.push(event),
  });
  onTestFinished(async () => {
    await relay.close();
    shop.close();
    await outbox.close();
  });
  const add = async (id: string, orderingKey?: string): Promise<void> => {
    shop.exec("BEGIN IMMEDIATE");
    await outbox.add(shop, { id, topic: "order.paid", orderingKey, body: { type: "order.paid", data: { id } } });
    shop.exec("COMMIT");
  };
  const of = (type: RelayEvent["type"]) => events.filter((event) => event.type === type);
  /** Waits for what the relay is idle about: a message that it tries again in a moment. */
  const published = async (count: number): Promise<void> => {
    while (of("published").length < count) await setTimeout(5);
  };
  return { outbox, relay, events, of, published, add };
}

describe("a signature", () => {
  test.for([
    ["the secret", now, now],
    ["the old secret of two", [now, before], before],
    ["the new secret of two", [now, before], now],
    ["the secret that a function gives", async () => now, now],
  ] as const)("holds for the official library by %s", async ([, secrets, known]) => {
    const headers = await signWebhooks(secrets)(message);
    const text = new TextDecoder().decode(message.body);
    expect(new Webhook(known).verify(text, headers)).toEqual(JSON.parse(text));
    expect(headers["webhook-id"]).toBe("019abc");
    expect(() => new Webhook(others).verify(text, headers)).toThrow("No matching signature");
    expect(() => new Webhook(known).verify(text.replace("tea", "gin"), headers)).toThrow("No matching signature");
    const renamed = { ...headers, "webhook-id": "019abd" };
    expect(() => new Webhook(known).verify(text, renamed)).toThrow("No matching signature");
  });

  test("is that of the official library, of the same second", async () => {
    const clock = { now: () => 1_795_680_000_900 };
    const headers = await signWebhooks([now, before], { clock })(message);
    const signatures = [now, before].map((secret) =>
      new Webhook(secret).sign(message.id, new Date(clock.now()), new TextDecoder().decode(message.body)),
    );
    expect(headers).toEqual({
      "webhook-id": "019abc",
      "webhook-timestamp": "1795680000",
      "webhook-signature": signatures.join(" "),
    });
  });

  test.for([undefined, null, "", [], "secret", "whsec_", "whsec_%%%", `whsec_${btoa("too short")}`, [now, ""], 7])(
    "is refused with the secret %j, which is not shown",
    async (secrets) => {
      const invalid = { code: "ONCE_OPTION_INVALID", details: { option: "secrets" } };
      expect(() => signWebhooks(secrets as string)).toThrow(expect.objectContaining(invalid));
      await expect(signWebhooks((() => secrets) as never)(message)).rejects.toMatchObject(invalid);
    },
  );

  test("is refused where it could be cut elsewhere", async () => {
    const signed = signWebhooks(now)({ ...message, id: "a.1" });
    await expect(signed).rejects.toMatchObject({ code: "ONCE_MESSAGE_REFUSED", details: { isFinal: true } });
  });
});

describe("a relay that sends signed webhooks", () => {
  test("has each handled once by our route, also when acknowledgements are lost and a secret is rotated", async () => {
    const receiver = sqliteStore({ path: `${temporaryFolder()}/receiver.db` });
    onTestFinished(() => receiver.close());
    const handled: string[] = [];
    // It still has the old secret.
    const verify = standardWebhooks(new Webhook(before));
    const route = webhookRoute({ mode: "transactional", store: receiver, endpoint: "shop", verify });
    const receive = onceNode(route, (_request, response, { body }) => {
      handled.push((JSON.parse(body.toString()) as { data: { id: string } }).data.id);
      response.writeHead(204).end();
    });
    let requests = 0;
    const ids = new Map<string, Set<unknown>>();
    const url = await startHttpServer(async (request, response) => {
      requests += 1;
      const id = String(request.headers["webhook-id"]);
      ids.set(id, (ids.get(id) ?? new Set()).add(request.headers["idempotency-key"]));
      // The first answer to each is lost.
      if (requests % 2 === 1) {
        const end = response.end.bind(response);
        response.end = (() => (end(), request.socket.destroy(), response)) as never;
        response.writeHead = () => response;
        await receive(request, response);
        request.socket.destroy();
        return;
      }
      await receive(request, response);
    });
    const { published, add } = sending({ url: () => url, headers: signWebhooks([now, before]) });
    for (const id of ["1", "2", "3"]) await add(id);
    await published(3);
    expect(handled.toSorted()).toEqual(["1", "2", "3"]);
    expect(requests).toBeGreaterThan(3);
    expect(
      [...ids].every(([id, keys]) => keys.size === 1 && keys.has(id)),
      "one id in all attempts",
    ).toBe(true);
  });

  test("signs each attempt anew, with its own time", async () => {
    const times = new Set<unknown>();
    let at = 1_795_680_000_000;
    const url = await startHttpServer((request, response) => {
      times.add(request.headers["webhook-timestamp"]);
      at += 1000;
      response.writeHead(times.size < 3 ? 500 : 200).end();
    });
    const { published, add } = sending({ url, headers: signWebhooks(now, { clock: { now: () => at } }) });
    await add("1");
    await published(1);
    expect([...times]).toEqual(["1795680000", "1795680001", "1795680002"]);
  });

  test("parks what a place is gone for at once, follows no redirect, and reads no answer", async () => {
    const paths: string[] = [];
    const url = await startHttpServer((request, response) => {
      paths.push(request.url!);
      if (request.url === "/gone") return void response.writeHead(410).end();
      if (request.url === "/moved") return void response.writeHead(307, { location: "/other" }).end();
      response.writeHead(200);
      // An answer without an end, which must not be buffered.
      const flood = setInterval(() => response.write(Buffer.alloc(65_536)), 1);
      response.on("close", () => clearInterval(flood));
    });
    const places: Record<string, string> = { a: "/gone", b: "/moved", c: "/flood" };
    const { relay, outbox, of, published, add } = sending({
      url: ({ id }) => new URL(places[id]!, url),
      headers: signWebhooks(now),
    });
    await add("c");
    await published(1);
    await add("a");
    await add("b");
    while (of("parked").length < 2) await setTimeout(5);
    await relay.close();
    const parked = await outbox.listUnconfirmed({ state: "parked" });
    expect(parked.map(({ id, refusals, refusal }) => [id, refusals, refusal])).toEqual([
      ["a", 1, `${url} answered 410.`],
      ["b", 10, `${url} answered 307.`],
    ]);
    expect(paths.filter((path) => path === "/gone")).toHaveLength(1);
    expect(paths).not.toContain("/other");
  });

  test("leaves a place alone for as long as it asks", async () => {
    const at: number[] = [];
    const url = await startHttpServer((_request, response) => {
      at.push(performance.now());
      if (at.length > 1) response.writeHead(204).end();
      else response.writeHead(429, { "retry-after": "1" }).end();
    });
    const { published, of, add } = sending({ url, headers: signWebhooks(now) });
    await add("1");
    await published(1);
    expect(at).toHaveLength(2);
    expect(at[1]! - at[0]!, "by two clocks, of which one counts whole milliseconds").toBeGreaterThan(990);
    expect(of("place-unavailable")).toMatchObject([{ pauseMs: 1000 }]);
  });
});

test("the guide's program sends what is for an endpoint, signed with each of its secrets, and forgets one that is gone", async () => {
  const path = `${temporaryFolder()}/shop.db`;
  process.env["SHOP_DB"] = path;
  const { endpoints, outbox, relay } = await import("../../examples/guides/send-webhooks.ts");
  const shop = new DatabaseSync(path, { timeout: 10_000 });
  onTestFinished(async () => {
    await relay.close();
    shop.close();
    await outbox.close();
  });
  const bodies: unknown[] = [];
  const url = await startHttpServer(async (request, response) => {
    const text = Buffer.concat(await request.toArray()).toString();
    for (const secret of [before, now]) bodies.push(new Webhook(secret).verify(text, request.headers as never));
    response.writeHead(request.url === "/gone" ? 410 : 204).end();
  });
  endpoints.set("acme", { url, secrets: [now, before] });
  endpoints.set("gone", { url: `${url}/gone`, secrets: [now, before] });
  shop.exec("BEGIN IMMEDIATE");
  for (const topic of ["acme", "gone"]) await outbox.add(shop, { topic, orderingKey: topic, body: { type: topic } });
  shop.exec("COMMIT");
  while ((await outbox.backlog()).messages > 1 || endpoints.size > 1) await setTimeout(10);
  expect(bodies).toHaveLength(4);
  expect([...endpoints.keys()]).toEqual(["acme"]);
  expect(await outbox.listUnconfirmed()).toMatchObject([{ topic: "gone", refusals: 1 }]);
});
