import { expect, test } from "vitest";
import type { Asked, Said } from "../../../../test/support/http-bench.ts";
import { created, leasedRoute, never } from "../../../../test/support/leased-route.ts";
import { ordering, transactionalRoute } from "../../../../test/support/transactional-route.ts";
import { until } from "../../../../test/support/until.ts";
import { OnceAgainError } from "../core/errors.ts";
import { NoEffectError } from "../engine/engine.ts";
import type { HttpHandler } from "./response.ts";

const quota = { keysMax: 1, perMs: 60_000 };

/** A route with room for one key, after something that brought none. */
async function after(what: (route: ReturnType<typeof leasedRoute>) => Promise<unknown>): Promise<Said> {
  const route = leasedRoute({ limits: { quota } });
  await what(route);
  return route.post({ keys: ["new"] });
}

const refusing = (body: NonNullable<Asked["body"]>) =>
  after(async ({ post }) => {
    for (let time = 0; time < 3; time += 1) await post({ keys: [`k${time}`], body }, never);
  });

test.each([
  ["too large", () => refusing(async () => Promise.reject(new OnceAgainError("ONCE_BODY_TOO_LARGE", "too large")))],
  ["read before us", () => refusing(async () => Promise.reject(new OnceAgainError("ONCE_BODY_CONSUMED", "gone")))],
  ["cut off", () => refusing(async () => Promise.reject(new Error("aborted")))],
])("a request with a body that is %s takes no key of its caller's quota", async (_, asked) => {
  expect((await asked()).status).toBe(201);
});

test("nor does one that finds the store down", async () => {
  const said = await after(async ({ post, store, clock }) => {
    store.fail("claim", "before", 2);
    const refused = post({ keys: ["k"] }, never);
    await until(() => store.asked.includes("claim"));
    await clock.advance(1000);
    expect((await refused).code).toBe("ONCE_STORE_UNAVAILABLE");
  });
  expect(said.status).toBe(201);
});

test("nor does one with a handler that says that nothing happened, however often it comes back", async () => {
  const said = await after(async ({ post }) => {
    for (let time = 0; time < 3; time += 1) {
      const closed: HttpHandler<undefined> = () => Promise.reject(new NoEffectError("The warehouse is closed."));
      expect((await post({ keys: ["k"] }, closed)).code).toBe("ONCE_NO_EFFECT");
    }
  });
  expect(said.status).toBe(201);
});

test("nor does one with a rolled back transaction; one that committed does, and so does a refused one", async () => {
  const { post } = transactionalRoute({ limits: { quota: { keysMax: 2, perMs: 60_000 } } });
  const answer = { status: 201, headers: [], body: new Uint8Array() };
  for (let time = 0; time < 3; time += 1) {
    expect((await post(() => Promise.reject(new Error("fault")))).status).toBe(500);
  }
  expect((await post(ordering(answer), { keys: ["a"] })).status).toBe(201);
  expect((await post(ordering({ ...answer, status: 402 }), { keys: ["b"] })).status).toBe(402);
  expect((await post(ordering(answer), { keys: ["c"] })).code).toBe("ONCE_QUOTA_EXCEEDED");
});

test("nor does a repeat, of a key that is stored or at work, nor another request under it", async () => {
  const { post } = leasedRoute({ limits: { quota: { keysMax: 2, perMs: 60_000 } } });
  const go = Promise.withResolvers<void>();
  let runs = false;
  const running = post({ keys: ["k"] }, async () => {
    runs = true;
    await go.promise;
    return created;
  });
  await until(() => runs);
  for (let time = 0; time < 3; time += 1) expect((await post({ keys: ["k"] }, never)).code).toBe("ONCE_IN_PROGRESS");
  go.resolve();
  await running;
  for (let time = 0; time < 3; time += 1) {
    expect((await post({ keys: ["k"] }, never)).replayed).toBe(true);
    expect((await post({ keys: ["k"], text: "{}" }, never)).code).toBe("ONCE_KEY_REUSED");
  }
  expect((await post({ keys: ["new"] })).status).toBe(201);
  expect((await post({ keys: ["one more"] }, never)).code).toBe("ONCE_KEY_INVALID");
  expect((await post({ keys: ["one-more"] }, never)).code).toBe("ONCE_QUOTA_EXCEEDED");
});

test("one with an unknown outcome does: its key stays in the store", async () => {
  const { post } = leasedRoute({ limits: { quota } });
  expect((await post({ keys: ["k"] }, () => Promise.reject(new Error("fault")))).status).toBe(500);
  expect((await post({ keys: ["new"] }, never)).code).toBe("ONCE_QUOTA_EXCEEDED");
});
