import type { WebhookRules } from "./webhook-route.ts";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { describe, expect, test, vi } from "vitest";
import { countedStore, type SenderFixture, senders, type SentWebhook } from "../../../../../test/support/webhooks.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { onceWeb } from "../../frameworks/web.ts";
import { memoryStore } from "../../stores/memory/index.ts";
import { standardWebhooks, webhookRoute } from "./index.ts";
import type { VerifyWebhook } from "./sender.ts";
import { oneRetryAfter } from "../../../../../test/support/retry-after.ts";

/** The library of Standard Webhooks goes by the machine's clock. */
const now = Date.now();
const minuteMs = 60_000;
const standardSecret = `whsec_${Buffer.from("k".repeat(24)).toString("base64")}`;

/** An endpoint for the webhooks of one sender, and the texts of those that its handler was given. */
function endpoint(verify: WebhookRules["verify"], rules: Partial<WebhookRules> = {}) {
  const clock = fakeClock(now);
  const { store, calls } = countedStore(memoryStore({ clock }));
  const handled: string[] = [];
  const events: unknown[] = [];
  const onError = vi.fn<(error: unknown) => void>();
  const route = webhookRoute({ store, endpoint: "shop", verify, clock, onError, ...rules });
  const receive = onceWeb(route, async (request, execution) => {
    handled.push(await request.text());
    // As handlers hand it on.
    events.push({ ...execution }.event);
    return new Response(null, { status: 204 });
  });
  const post = ({ headers, body }: { headers: Record<string, string>; body: string | Uint8Array<ArrayBuffer> }) =>
    receive(new Request("http://shop.example/webhooks", { method: "POST", headers, body }));
  return { post, receive, handled, events, calls, onError, clock };
}

const statusOf = async (response: Promise<Response>): Promise<number> => (await response).status;

describe.each(senders)("$name", (fixture: SenderFixture) => {
  const [secret, other] = fixture.secrets;
  const signed = (change: Partial<Parameters<SenderFixture["sign"]>[0]> = {}): SentWebhook =>
    fixture.sign({ id: "evt_1", text: "tea", secret, atMs: now, ...change });

  test("a webhook is handled once, as it came, and every repeat gets the first response", async () => {
    const { post, handled, events } = endpoint(fixture.sender(secret));
    const first = await post(signed());
    const again = await post(signed());
    expect([first.status, again.status]).toEqual([204, 204]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(first.headers.get("idempotency-key-policy")).toBeNull();
    expect(handled).toEqual([signed().body]);
    const id: unknown = fixture.signsTime ? "evt_1" : expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
    expect(events).toEqual([expect.objectContaining({ id })]);
  });

  test("a forged one gets 401, is not handled, and the store is not asked", async () => {
    const { post, handled, calls, onError } = endpoint(fixture.sender(secret));
    const { headers, body } = signed();
    const forged: { headers: Record<string, string>; body: string | Uint8Array<ArrayBuffer> }[] = [
      signed({ secret: other }),
      { headers: {}, body },
      { headers, body: body.replace("tea", "tee") },
      { headers, body: `${body} ` },
      { headers, body: "" },
      { headers, body: `\ufeff${body}` },
      { headers, body: Buffer.concat([Buffer.from(body), Buffer.of(0xff)]) },
      ...Object.keys(headers)
        .filter((name) => name !== fixture.idHeader)
        .flatMap((name) =>
          ["", "x", `${headers[name]}0`, `sha256=`, "v0=", "t=1,v1=", "v1,"].map((value) => ({
            headers: { ...headers, [name]: value },
            body,
          })),
        ),
    ];
    for (const webhook of forged) expect(await statusOf(post(webhook))).toBe(401);
    expect([handled, calls()]).toEqual([[], 0]);
    expect(onError).not.toHaveBeenCalled();
    expect(await statusOf(post(signed()))).toBe(204);
  });

  test("50 copies at once have one effect, and each gets the response, or a request to come back", async () => {
    const { post, handled } = endpoint(fixture.sender(secret));
    const responses = await Promise.all(Array.from({ length: 50 }, () => post(signed())));
    expect(handled).toHaveLength(1);
    for (const { status, headers } of responses) {
      expect([
        [204, null],
        [409, oneRetryAfter],
      ]).toContainEqual([status, headers.get("retry-after")]);
    }
    expect(await statusOf(post(signed()))).toBe(204);
    expect(handled).toHaveLength(1);
  });

  test("one byte of the body in another place is a forgery, wherever it is", async () => {
    const { post, calls } = endpoint(fixture.sender(secret));
    const { headers, body } = signed();
    for (let at = 0; at < body.length; at += 1) {
      const bytes = Buffer.from(body);
      bytes[at]! ^= 1;
      expect(await statusOf(post({ headers, body: bytes }))).toBe(401);
    }
    expect(calls()).toBe(0);
  });

  test("an attacker who sends it again under another id has no second effect", async () => {
    const { post, handled } = endpoint(fixture.sender(secret));
    await post(signed());
    const { headers, body } = signed();
    const renamed = fixture.idHeader === undefined ? headers : { ...headers, [fixture.idHeader]: "evt_2" };
    expect([204, 401]).toContain(await statusOf(post({ headers: renamed, body })));
    expect(handled).toHaveLength(1);
  });

  test("both secrets are known while they are rotated", async () => {
    const { post, handled } = endpoint(fixture.sender(secret, other));
    expect(await statusOf(post(signed()))).toBe(204);
    expect(await statusOf(post(signed({ id: "evt_2", secret: other })))).toBe(204);
    expect(handled).toHaveLength(2);
  });

  test.skipIf(!fixture.signsTime)("a stale one gets 401, and the store is not asked", async () => {
    const { post, calls } = endpoint(fixture.sender(secret));
    for (const atMs of [now - 6 * minuteMs, now - 1440 * minuteMs])
      expect(await statusOf(post(signed({ atMs })))).toBe(401);
    expect(calls()).toBe(0);
    expect(await statusOf(post(signed({ atMs: now - 4 * minuteMs })))).toBe(204);
  });

  test.skipIf(!fixture.signsTime)("one that is signed anew at each delivery is the same", async () => {
    const { post, handled } = endpoint(fixture.sender(secret));
    for (const minutes of [4, 3, 0]) await post(signed({ atMs: now - minutes * minuteMs }));
    expect(handled).toHaveLength(1);
  });

  test("a request of another method is not believed either", async () => {
    const { receive, handled, calls } = endpoint(fixture.sender(secret));
    expect(await statusOf(receive(new Request("http://shop.example/webhooks")))).toBe(401);
    expect([handled, calls()]).toEqual([[], 0]);
  });
});

test("an event of Stripe is the same where its body says that fewer webhooks are pending", async () => {
  const stripe = senders.find(({ name }) => name === "Stripe")!;
  const { post, handled } = endpoint(stripe.sender(stripe.secrets[0]));
  for (const text of ["pending: 2", "pending: 1"]) {
    expect(await statusOf(post(stripe.sign({ id: "evt_1", text, secret: stripe.secrets[0], atMs: now })))).toBe(204);
  }
  expect(handled).toHaveLength(1);
});

describe("what Stripe has signed", () => {
  const stripe = senders.find(({ name }) => name === "Stripe")!;
  const [secret] = stripe.secrets;
  const send = (content: object) => {
    const shop = endpoint(stripe.sender(secret));
    const payload = JSON.stringify(content);
    const timestamp = Math.floor(now / 1000);
    const header = new Stripe("sk_test_none").webhooks.generateTestHeaderString({ payload, secret, timestamp });
    return { ...shop, response: shop.post({ headers: { "stripe-signature": header }, body: payload }) };
  };

  test("may be a thin event", async () => {
    const { response, events } = send({ id: "evt_1", object: "v2.core.event", created: "2026-11-26T08:00:00Z" });
    expect(await statusOf(response)).toBe(204);
    expect(events).toEqual([{ id: "evt_1", occurredAt: Date.parse("2026-11-26T08:00:00Z") }]);
  });

  test("and has no id is refused, and operators hear of it", async () => {
    const { response, handled, calls, onError } = send({ object: "event" });
    expect(await statusOf(response)).toBe(401);
    expect([handled, calls()]).toEqual([[], 0]);
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.any(TypeError), { room: "route" });
  });
});

test("of a sender that uses an id for two messages, the second is refused", async () => {
  const standard = senders[0]!;
  const { post, handled } = endpoint(standard.sender(standard.secrets[0]));
  const send = (text: string) => post(standard.sign({ id: "evt_1", text, secret: standard.secrets[0], atMs: now }));
  expect([await statusOf(send("tea")), await statusOf(send("coffee"))]).toEqual([204, 422]);
  expect(handled).toHaveLength(1);
});

describe("two topics of Shopify with one body", () => {
  const shopify = senders.find(({ name }) => name === "Shopify")!;
  const [secret] = shopify.secrets;
  const { headers, body } = shopify.sign({ id: "1", text: "order 7", secret, atMs: now });
  const webhook = (topic: string) => ({ headers: { ...headers, "x-shopify-topic": topic }, body });

  test("are two webhooks, each of which is handled once", async () => {
    const { post, events } = endpoint(shopify.sender(secret));
    for (const topic of ["orders/create", "orders/paid", "orders/create", "Orders/Paid"]) {
      expect(await statusOf(post(webhook(topic)))).toBe(204);
    }
    expect(events).toEqual([
      { id: expect.stringMatching(/^orders\/create:sha256:[0-9a-f]{64}$/) },
      { id: expect.stringMatching(/^orders\/paid:sha256:[0-9a-f]{64}$/) },
    ]);
  });

  test.each(["", "orders", "a/b/c", `${"a".repeat(65)}/b`, "a:b/c", "a b/c"])("%j is no topic", async (topic) => {
    const { post, handled, calls } = endpoint(shopify.sender(secret));
    expect(await statusOf(post(webhook(topic)))).toBe(401);
    expect([handled, calls()]).toEqual([[], 0]);
  });
});

test("an id of Svix beside a signature in the specification's headers is not signed, and is not read", async () => {
  const [standard, svix] = senders as [SenderFixture, SenderFixture];
  const [secret] = standard.secrets;
  const sign = (fixture: SenderFixture, id: string) => fixture.sign({ id, text: "tea", secret, atMs: now });
  const { post, events } = endpoint(standard.sender(secret));
  const { headers, body } = sign(standard, "evt_1");
  const withOther = { ...sign(svix, "evt_2").headers, "svix-signature": "v1,AAAA", ...headers };
  expect(await statusOf(post({ headers: withOther, body }))).toBe(204);
  expect(events).toEqual([expect.objectContaining({ id: "evt_1" })]);
  const { "webhook-id": _id, ...without } = headers;
  expect(await statusOf(post({ headers: { ...without, "svix-id": "evt_3" }, body }))).toBe(401);
});

test("handlers learn when it occurred, by the sender's clock", async () => {
  for (const { name, sender, secrets, sign } of senders.filter(({ signsTime }) => signsTime)) {
    const { post, events } = endpoint(sender(secrets[0]));
    await post(sign({ id: "evt_1", text: "tea", secret: secrets[0], atMs: now }));
    expect([name, events]).toEqual([name, [{ id: "evt_1", occurredAt: Date.parse("2026-11-26T08:00:00Z") }]]);
  }
});

test("one that comes while the first is handled gets 409 with Retry-After, or waits for its response", async () => {
  for (const [waitMs, status] of [
    [0, 409],
    [20_000, 200],
  ] as const) {
    const started = Promise.withResolvers<void>();
    const go = Promise.withResolvers<Response>();
    const verify: VerifyWebhook = () => ({ key: "evt_1", event: { id: "evt_1" } });
    const receive = onceWeb(webhookRoute({ store: memoryStore(), endpoint: "shop", verify, waitMs }), () => {
      started.resolve();
      return go.promise;
    });
    const send = () => receive(new Request("http://shop.example/", { method: "POST", body: "{}" }));
    const first = send();
    await started.promise;
    const repeat = send();
    if (waitMs === 0) await repeat;
    go.resolve(new Response("ok"));
    expect([(await first).status, (await repeat).status]).toEqual([200, status]);
    expect((await repeat).headers.get("retry-after")).toEqual(waitMs === 0 ? oneRetryAfter : null);
  }
});

test("a library that reads the payload before its signature lets no forged one through", async () => {
  const webhook = new Webhook(standardSecret);
  const verify = (payload: string, headers: Record<string, string>): unknown => {
    const event: unknown = JSON.parse(payload);
    webhook.verify(payload, headers);
    return event;
  };
  const { post, handled } = endpoint(standardWebhooks({ verify }));
  const sign = (body: string, date = new Date(now)): SentWebhook => {
    const headers = { "webhook-id": "evt_1", "webhook-timestamp": String(Math.floor(date.getTime() / 1000)) };
    return { body, headers: { ...headers, "webhook-signature": webhook.sign("evt_1", date, body) } };
  };
  const forged = { ...sign("{}"), body: "tea" };
  expect(await statusOf(post(forged))).toBe(401);
  expect(await statusOf(post(sign('"tea"')))).toBe(204);
  expect(handled).toEqual(['"tea"']);
});

describe("a function of one's own", () => {
  const identified = { key: "evt_1", event: { id: "evt_1" } };
  const sent = { headers: {}, body: "{}" };

  test("is given the raw bytes, and the time of the route's clock", async () => {
    const verify = vi.fn<VerifyWebhook>(() => identified);
    const { post } = endpoint(verify);
    expect(await statusOf(post({ headers: { "x-a": "1" }, body: "é" }))).toBe(204);
    const [request, nowMs] = verify.mock.calls[0]!;
    expect([Buffer.from(request.body).toString(), request.header("X-A"), request.header("x-b"), nowMs]).toEqual([
      "é",
      "1",
      undefined,
      now,
    ]);
  });

  test("refuses by undefined and by what it throws; its own fault is reported", async () => {
    for (const [verify, reports] of [
      [() => undefined, 0],
      [() => Promise.reject(new Error("forged")), 0],
      [() => Promise.reject(new TypeError("x is undefined")), 1],
    ] as [VerifyWebhook, number][]) {
      const { post, calls, onError } = endpoint(verify);
      const response = await post(sent);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: "ONCE_SIGNATURE_INVALID" });
      expect([calls(), onError.mock.calls.length]).toEqual([0, reports]);
    }
  });

  test.each([undefined, "", "undefined", 7, "k".repeat(256)])(
    "that names it %o is refused, and the store is not asked",
    async (key) => {
      const { post, calls } = endpoint(() => ({ key: key as string, event: { id: "a" } }));
      expect(await statusOf(post(sent))).toBe(400);
      expect(calls()).toBe(0);
    },
  );
});

test("one id of two endpoints is two webhooks", async () => {
  const store = memoryStore();
  const verify: VerifyWebhook = () => ({ key: "evt_1", event: { id: "evt_1" } });
  const run = vi.fn<() => Response>(() => new Response("ok"));
  for (const name of ["shop", "bank"]) {
    const receive = onceWeb(webhookRoute({ store, endpoint: name, verify }), run);
    await receive(new Request("http://shop.example/", { method: "POST", body: "{}" }));
  }
  expect(run).toHaveBeenCalledTimes(2);
});

test("a body that is too large is refused before its signature is computed", async () => {
  const verify = vi.fn<VerifyWebhook>();
  const { post } = endpoint(verify, { limits: { bodyBytesMax: 10 } });
  expect(await statusOf(post({ headers: {}, body: "x".repeat(11) }))).toBe(413);
  expect(verify).not.toHaveBeenCalled();
});

describe("misuse", () => {
  const store = memoryStore();
  const verify: VerifyWebhook = () => undefined;
  const make = webhookRoute as (options: unknown) => unknown;
  test.each<[string, unknown, string]>([
    ["no endpoint", { store, verify }, "endpoint must be the name of this endpoint"],
    ["a scope", { store, verify, endpoint: "a", scope: "a" }, 'webhookRoute has no option "scope"'],
    ["a skip", { store, verify, endpoint: "a", skip: () => true }, 'webhookRoute has no option "skip"'],
    ["no verify", { store, endpoint: "a" }, "verify must be a sender"],
    ["a secret in the place of verify", { store, endpoint: "a", verify: "whsec" }, "verify must be a sender"],
    [
      "a retention shorter than a signature holds",
      { store, verify, endpoint: "a", retentionMs: 300_000 },
      "of at least 600000",
    ],
    ["a misspelt option", { store, verify, endpoint: "a", retention: 1 }, "Did you mean retentionMs?"],
  ])("%s is refused", (_, options, message) => {
    expect(() => make(options)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
    expect(() => make(options)).toThrow(message);
  });

  test.each([undefined, "", " ", [], ["a", ""], [undefined], 7])(
    "a secret of %o is refused, and not shown",
    (secret) => {
      // The library of the first two checks its secrets itself.
      for (const { name, sender } of senders.slice(2)) {
        const given = Array.isArray(secret) ? secret : [secret];
        expect([name, () => sender(...(given as string[]))]).toSatisfy(([, open]: [string, () => void]) => {
          expect(open).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
          return true;
        });
      }
    },
  );
});
