import { describe, expect, test } from "vitest";
import type { Asked, Said } from "../../../../test/support/http-bench.ts";
import { created, leasedRoute as route, never } from "../../../../test/support/leased-route.ts";
import { ordering, transactionalRoute } from "../../../../test/support/transactional-route.ts";
import { until } from "../../../../test/support/until.ts";
import { OnceAgainError } from "../core/errors.ts";
import { systemClock } from "../core/system-clock.ts";
import { makeKey } from "../key/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { HttpHandler, HttpResponse } from "./response.ts";
import { oneRetryAfter } from "../../../../test/support/retry-after.ts";

// Each line of the HTTP rules that refuses a request.

/** A request with a handler that runs until the test lets it go on. */
async function started(post: (asked: Asked, run: HttpHandler<undefined>) => Promise<Said>) {
  const go = Promise.withResolvers<void>();
  let runs = false;
  const running = post({}, async () => {
    runs = true;
    await go.promise;
    return created;
  });
  await until(() => runs);
  return { running, go };
}

describe("400", () => {
  test.for([
    ["missing", []],
    ["empty", [""]],
    ["empty and quoted", ['""']],
    ["repeated", ["a", "a"]],
    ["repeated and joined", ["a, a"]],
    ["longer than 255", ["a".repeat(256)]],
    ["not visible ASCII", ["schlüssel"]],
    ["with an open quote", ['"a']],
  ] as [string, string[]][])("a key that is %s", async ([, keys]) => {
    const { post, store } = route();
    const answer = await post({ keys }, never);
    expect(answer).toMatchObject({ status: 400, code: "ONCE_KEY_INVALID", retryAfter: undefined });
    expect(store.asked).toEqual([]);
  });

  test("a malformed key is refused even where none is required", async () => {
    expect((await route({ profile: { keyRequired: false } }).post({ keys: ['"a'] }, never)).status).toBe(400);
  });
});

test("a quoted key is the same as a bare one", async () => {
  const { post } = route();
  expect((await post({ keys: ["k"] })).replayed).toBe(false);
  expect((await post({ keys: ['"k"'] }, never)).replayed).toBe(true);
});

describe("422", () => {
  const others: Asked[] = [
    { text: '{"item":"coffee"}' },
    { path: "/refunds" },
    { query: "?dry=1" },
    { method: "PATCH" },
  ];

  test("the same key with another request, finished or running", async () => {
    const { post } = route();
    const { running, go } = await started(post);
    const refused = { status: 422, code: "ONCE_KEY_REUSED", retryAfter: undefined };
    for (const other of others) expect(await post(other, never)).toMatchObject(refused);
    go.resolve();
    await running;
    for (const other of others) expect(await post(other, never)).toMatchObject(refused);
  });

  test("or 409, as some APIs do", async () => {
    const { post } = route({ profile: { reusedStatus: 409 } });
    await post();
    expect(await post(others[0], never)).toMatchObject({ status: 409, code: "ONCE_KEY_REUSED", retryAfter: undefined });
  });

  test("the same JSON written another way is the same request", async () => {
    const { post } = route();
    await post({ text: '{"item":"tea","count":1}' });
    expect(await post({ text: '{ "count": 1.0, "item": "tea" }' }, never)).toMatchObject({
      status: 201,
      replayed: true,
    });
  });
});

describe("409", () => {
  test("in progress: with Retry-After", async () => {
    const { post } = route();
    const { running, go } = await started(post);
    expect(await post({}, never)).toMatchObject({ status: 409, code: "ONCE_IN_PROGRESS", retryAfter: oneRetryAfter });
    go.resolve();
    expect((await running).status).toBe(201);
    expect(await post({}, never)).toMatchObject({ status: 201, replayed: true });
  });

  test("in progress, and the route waits: the first answer, or 409 when it takes too long", async () => {
    const { post, clock } = route({ waitMs: 500 });
    const { running, go } = await started(post);
    const late = post({}, never);
    const { pending } = clock;
    await until(() => clock.pending > pending);
    await clock.advance(500);
    expect((await late).code).toBe("ONCE_IN_PROGRESS");
    const inTime = post({}, never);
    await until(() => clock.pending > pending);
    await clock.advance(400);
    go.resolve();
    await running;
    expect(await inTime).toMatchObject({ status: 201, replayed: true });
  });

  test("outcome unknown, held: without Retry-After, but by the process that has the result", async () => {
    const { post, clock, store } = route();
    const elsewhere = route({ store, clock });
    store.fail("complete", "before");
    // Otherwise its lease is renewed as long as its result may yet be stored.
    store.fail("renew", "before");
    const first = post();
    await until(() => store.asked.includes("complete"));
    await clock.advance(5000);
    await first;
    await clock.advance(1000);
    const held = { status: 409, code: "ONCE_OUTCOME_UNKNOWN", retryAfter: undefined };
    expect(await elsewhere.post({}, never)).toMatchObject(held);
    const inProgress = { status: 409, code: "ONCE_IN_PROGRESS", retryAfter: oneRetryAfter };
    expect(await post({}, never)).toMatchObject(inProgress);
  });
});

test("412: a key that by its own time is older than the retention", async () => {
  const { post, clock, store } = route({ retentionMs: 60_000 });
  const key = makeKey({ clock });
  await clock.advance(60_001);
  expect(await post({ keys: [key] }, never)).toMatchObject({ status: 412, code: "ONCE_KEY_EXPIRED" });
  expect(store.asked).toEqual(["inspect"]);
  const late = makeKey({ clock });
  await clock.advance(50_000);
  await post({ keys: [late] });
  await clock.advance(10_001);
  // Its result is still there.
  expect(await post({ keys: [late] }, never)).toMatchObject({ status: 201, replayed: true });
  const justStored = makeKey({ clock });
  await clock.advance(60_000);
  expect((await post({ keys: [justStored] })).status).toBe(201);
  // Other keys contain no time.
  expect((await post({ keys: ["order-7"] })).status).toBe(201);
});

test("a key is no older than results are stored as long as its outcome is unknown: it is found, and held", async () => {
  const { post, clock, store } = route({ retentionMs: 60_000 });
  const key = makeKey({ clock });
  store.fail("complete", "before");
  store.fail("renew", "before");
  const first = post({ keys: [key] });
  await until(() => store.asked.includes("complete"));
  await clock.advance(86_400_000);
  await first;
  await store.purge({ limit: 10 });
  expect(await post({ keys: [key] }, never)).toMatchObject({ status: 409, code: "ONCE_OUTCOME_UNKNOWN" });
});

test("or, where the route says so, a key of any age is a new one when nothing is stored under it", async () => {
  const { post, clock, store } = route({ retentionMs: 60_000, profile: { expiredKeys: "run" } });
  const key = makeKey({ clock });
  await clock.advance(60_001);
  expect(await post({ keys: [key] })).toMatchObject({ status: 201, replayed: false });
  expect(await post({ keys: [key] }, never)).toMatchObject({ status: 201, replayed: true });
  expect(store.asked).not.toContain("inspect");
});

test("a key on a method that takes none is not looked at, in a transaction either", async () => {
  const { post, orders } = transactionalRoute();
  const made: HttpResponse = { status: 200, headers: [], body: new Uint8Array() };
  for (const keys of [['"a'], ["a"], ["a"]]) {
    expect(await post(ordering(made), { method: "PUT", keys })).toMatchObject({ status: 200, replayed: false });
  }
  expect(orders()).toHaveLength(3);
});

test("500: a store that will never take this result is not a store that is down: no Retry-After, and it is reported", async () => {
  const { post, errors } = route({
    clock: systemClock,
    store: {
      ...memoryStore(),
      claim: () =>
        Promise.reject(
          new OnceAgainError("ONCE_OPTION_INVALID", "retentionMs is longer than the ttl of keys.internal"),
        ),
    },
  });
  const refused = await post({}, never);
  expect(refused).toMatchObject({ status: 500, code: "ONCE_OPTION_INVALID", retryAfter: undefined });
  expect(refused.text).not.toContain("internal");
  expect(errors).toEqual([expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" })]);
});

test("413: a body larger than allowed runs nothing, and its key stays free", async () => {
  const { post, store } = route();
  const body = async (bytesMax: number): Promise<never> => {
    throw new OnceAgainError("ONCE_BODY_TOO_LARGE", `more than ${bytesMax}`);
  };
  expect(await post({ body }, never)).toMatchObject({
    status: 413,
    code: "ONCE_BODY_TOO_LARGE",
    retryAfter: undefined,
  });
  expect(store.asked).toEqual([]);
  expect((await post()).status).toBe(201);
});

describe("504: it is open whether something happened, so there is no Retry-After", () => {
  test("the handler ran, and the store did not confirm its result", async () => {
    const { post, clock, store, errors } = route();
    store.fail("complete", "before");
    const answered = post({});
    await until(() => store.asked.includes("complete"));
    await clock.advance(10_000);
    const expected = { status: 504, code: "ONCE_RESULT_UNCONFIRMED", retryAfter: undefined };
    expect(await answered).toMatchObject(expected);
    expect(errors).toEqual([expect.objectContaining({ code: "ONCE_RESULT_UNCONFIRMED" })]);
  });

  test("the handler does not end within handlerMsMax, with a key or without", async () => {
    for (const keys of [["order-7"], []]) {
      const { post, clock, errors } = route({ limits: { handlerMsMax: 2000 }, profile: { keyRequired: false } });
      const begun = Promise.withResolvers<void>();
      const answered = post({ keys }, () => {
        begun.resolve();
        return new Promise<never>(() => undefined);
      });
      await begun.promise;
      await clock.advance(2000);
      const expected = { status: 504, code: "ONCE_HANDLER_TIMEOUT", retryAfter: undefined };
      expect(await answered).toMatchObject(expected);
      expect(errors).toEqual([expect.objectContaining({ code: "ONCE_HANDLER_TIMEOUT" })]);
    }
  });
});

describe("503", () => {
  test("the store is down: the handler does not run unprotected, and it is reported", async () => {
    const { post, clock, store, errors } = route();
    store.fail("claim", "before");
    const refused = post({}, never);
    await until(() => store.asked.includes("claim"));
    await clock.advance(1000);
    expect(await refused).toMatchObject({ status: 503, code: "ONCE_STORE_UNAVAILABLE", retryAfter: oneRetryAfter });
    expect(errors).toEqual([expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" })]);
  });

  test("the store is slow: after storeMsMax", async () => {
    const { post, clock, store } = route({ limits: { storeMsMax: 2000 } });
    store.fail("claim", "silent");
    let status: number | undefined;
    void post({}, never).then((answer) => (status = answer.status));
    await until(() => store.asked.includes("claim"));
    await clock.advance(1999);
    expect(status).toBeUndefined();
    await clock.advance(1);
    expect(status).toBe(503);
  });

  test("the service is shutting down", async () => {
    const { post, once } = route();
    await once.close();
    expect(await post({}, never)).toMatchObject({ status: 503, code: "ONCE_CLOSED", retryAfter: oneRetryAfter });
    expect((await route({ profile: { keyRequired: false } }).post({ keys: [] })).status).toBe(201);
  });

  test("the request does not arrive whole: nothing runs", async () => {
    const { post, store } = route();
    const body = (): Promise<never> => Promise.reject(new Error("aborted"));
    expect(await post({ body }, never)).toMatchObject({ status: 503, code: "ONCE_NO_EFFECT" });
    expect(store.asked).toEqual([]);
  });

  test("the server in front bounds the body: nothing runs, and no repeat is invited", async () => {
    const { post, store } = route();
    const body = (): Promise<never> =>
      Promise.reject(Object.assign(new Error("Payload Too Large"), { status: 413, text: "exceeds BODY_SIZE_LIMIT" }));
    expect(await post({ body }, never)).toMatchObject({
      status: 413,
      code: "ONCE_BODY_TOO_LARGE",
      retryAfter: undefined,
    });
    expect(store.asked).toEqual([]);
  });
});
