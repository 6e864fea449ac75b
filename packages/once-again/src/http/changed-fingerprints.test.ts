import { describe, expect, test } from "vitest";
import { created, leasedRoute, never as neverLeased } from "../../../../test/support/leased-route.ts";
import { ordering, transactionalRoute } from "../../../../test/support/transactional-route.ts";
import type { HttpOptions } from "./http-options.ts";
import type { HttpResponse } from "./response.ts";

// A roll-out that changes what the fingerprint of a route covers: processes before it, in the middle of it, and after it.

type Fingerprint = HttpOptions<string, never>["fingerprint"];

const before = "request";
const after = ({ body }: { body: Uint8Array }): unknown => [2, JSON.parse(new TextDecoder().decode(body))];

/** Routes on one store, each with its fingerprint. */
const leased = (...fingerprints: readonly Fingerprint[]) => {
  const [first, ...others] = fingerprints.map((fingerprint) => ({ fingerprint }));
  const one = leasedRoute(first);
  const { store, clock } = one;
  return [one, ...others.map((options) => leasedRoute({ ...options, store, clock }))];
};

describe("leased", () => {
  test("a repeat of what was stored before the change is the same request, where the route takes both", async () => {
    const [old, middle] = leased(before, [after, before]) as [
      ReturnType<typeof leasedRoute>,
      ReturnType<typeof leasedRoute>,
    ];
    await old.post({ text: '{"a":1}', query: "?try=1" });
    expect(await middle.post({ text: '{"a":1}', query: "?try=1" }, neverLeased)).toMatchObject({ replayed: true });
    expect(await middle.post({ text: '{"a":2}', query: "?try=1" }, neverLeased)).toMatchObject({ status: 422 });
    expect(middle.events.map(({ type }) => type).filter((type) => type !== "store-answered")).toEqual([
      ...["received", "replayed"],
      ...["received", "mismatch"],
    ]);
  });

  test("new keys are stored with the first of the list, so that the others can go in the end", async () => {
    const [middle, last] = leased([after, before], after) as [
      ReturnType<typeof leasedRoute>,
      ReturnType<typeof leasedRoute>,
    ];
    await middle.post({ text: '{"a":1}', query: "?try=1" });
    expect(await last.post({ text: '{"a":1}', query: "?try=2" }, neverLeased)).toMatchObject({ replayed: true });
    expect(middle.errors).toEqual([]);
  });

  test("in two steps, no process refuses what another has stored", async () => {
    const fingerprints: readonly Fingerprint[] = [before, [before, after], [after, before], after];
    for (let step = 0; step < fingerprints.length - 1; step += 1) {
      for (const [first, second] of [
        [step, step + 1],
        [step + 1, step],
      ] as const) {
        const [one, other] = leased(fingerprints[first], fingerprints[second]);
        await one!.post({ text: '{"a":1}' });
        expect(await other!.post({ text: '{"a":1}' }, neverLeased), `${first} and ${second}`).toMatchObject({
          replayed: true,
        });
      }
    }
  });

  test("what runs under the earlier fingerprint is in progress, and then has its result", async () => {
    const [old, middle] = leased(before, [after, before]) as [
      ReturnType<typeof leasedRoute>,
      ReturnType<typeof leasedRoute>,
    ];
    const { promise, resolve } = Promise.withResolvers<HttpResponse>();
    const running = old.post({ text: '{"a":1}' }, () => promise);
    await expect.poll(() => middle.post({ text: '{"a":1}' }, neverLeased)).toMatchObject({ status: 409 });
    resolve(created);
    await running;
    expect(await middle.post({ text: '{"a":1}' }, neverLeased)).toMatchObject({ status: 201, replayed: true });
  });

  test("it is reported once that the fingerprint has changed", async () => {
    const [old, middle] = leased(before, [after, before]) as [
      ReturnType<typeof leasedRoute>,
      ReturnType<typeof leasedRoute>,
    ];
    for (const key of ["1", "2"]) {
      await old.post({ text: '{"a":1}', keys: [key] });
      await middle.post({ text: '{"a":1}', keys: [key] }, neverLeased);
    }
    expect(middle.errors).toMatchObject([
      { message: expect.stringContaining("The fingerprint of this route has changed") },
    ]);
  });

  test("a list is not empty, and each of it is a rule", () => {
    for (const fingerprint of [[], ["request", "none"], [after, undefined], "none"]) {
      expect(() => leasedRoute({ fingerprint: fingerprint as never })).toThrow("fingerprint must be");
    }
  });
});

test("transactional: a repeat of what was stored before the change is the same request", async () => {
  const old = transactionalRoute({ fingerprint: before });
  await old.post(ordering(created), { text: '{"a":1}' });
  const middle = transactionalRoute({ fingerprint: [after, before], store: old.store });
  expect(await middle.post(ordering(created), { text: '{"a":1}' })).toMatchObject({ status: 201, replayed: true });
  expect(await middle.post(ordering(created), { text: '{"a":2}' })).toMatchObject({ status: 422 });
  expect(old.orders()).toHaveLength(1);
  expect(middle.errors).toHaveLength(1);
});
