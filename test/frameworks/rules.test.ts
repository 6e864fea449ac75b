import { describe, expect, test } from "vitest";
import { exchange } from "./exchange.ts";
import type { Framework } from "./framework.ts";
import { frameworks } from "./frameworks.ts";
import type { Route, RouteRules } from "./route.ts";
import { effectIn, modes, serving } from "./serving.ts";

// The options that users of other libraries look for, in every framework: another key header, requests that are skipped,
// responses that are not stored, and what makes two requests the same.

/** A route that answers with how often it ran, with the status that the body names. */
async function counting(framework: Framework, rules: Partial<RouteRules>) {
  let runs = 0;
  const errors: unknown[] = [];
  const handle: Route["handle"] = ({ body }) => {
    runs += 1;
    const { status = 201 } = JSON.parse(body || "{}") as { status?: number };
    return { status, body: String(runs) };
  };
  const served = await serving(framework, { rules: { onError: (error) => errors.push(error), ...rules }, handle });
  return { ...served, errors, runs: () => runs };
}

describe.for(frameworks)("$name", (framework) => {
  test("takes its key in another header, and refuses one in the usual header alone", async () => {
    const { url, runs } = await counting(framework, { profile: { keyHeader: "X-Request-Key", keyRequired: false } });
    const headers = { "x-request-key": "k" };
    expect((await exchange(url, { key: "", headers })).status).toBe(201);
    // Whatever the usual header says beside it.
    expect((await exchange(url, { key: "other", headers })).replayed).toBe(true);
    const usual = await exchange(url, { key: "k" });
    expect([usual.status, usual.text]).toEqual([400, expect.stringContaining("in the header X-Request-Key")]);
    expect((await exchange(url, { key: "" })).status).toBe(201);
    expect(runs()).toBe(2);
  });

  test("names its own header to those who bring no key", async () => {
    const { url } = await counting(framework, { profile: { keyHeader: "X-Request-Key" } });
    const refused = await exchange(url, { key: "" });
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("needs a X-Request-Key header")]);
    expect(refused.headers["idempotency-key-policy"]).toMatch(/, header="X-Request-Key"$/);
  });

  describe.for(modes)("%s", (mode) => {
    test("lets a skipped request through, whatever its key", async () => {
      const { rules, happen, happened } = effectIn(mode);
      const skip = (): boolean => true;
      const handle: Route["handle"] = (call) => (happen(call), { status: 201 });
      const { url } = await serving(framework, { rules: { ...rules, skip }, handle });
      for (const key of ["order-7", "order-7", ""]) {
        const skipped = await exchange(url, { key });
        expect(skipped).toMatchObject({ status: 201, replayed: false });
        // A caller that reads a policy would send such a request again after doubt.
        expect(skipped.headers["idempotency-key-policy"]).toBeUndefined();
      }
      expect(happened()).toHaveLength(3);
    });

    test("releases the key of a response that says that nothing happened, and stores every other", async () => {
      const { rules, happen, happened } = effectIn(mode);
      let status = 404;
      const handle: Route["handle"] = (call) => {
        if (status < 400) happen(call);
        return { status, body: String(status) };
      };
      const { url } = await serving(framework, { rules: { ...rules, noEffectStatuses: [404, 409] }, handle });
      expect(await exchange(url)).toMatchObject({ status: 404, text: "404", replayed: false });
      status = 201;
      expect(await exchange(url)).toMatchObject({ status: 201, replayed: false });
      expect(await exchange(url)).toMatchObject({ status: 201, replayed: true });
      expect(happened()).toHaveLength(1);
      status = 402;
      expect(await exchange(url, { key: "other" })).toMatchObject({ status: 402, replayed: false });
      expect(await exchange(url, { key: "other" })).toMatchObject({ status: 402, replayed: true });
    });
  });

  test("skips nothing where its rule throws, or answers with a promise", async () => {
    const skips = [
      () => {
        throw new Error("no such header");
      },
      (async () => true) as unknown as () => boolean,
    ];
    for (const skip of skips) {
      const { url, runs, errors } = await counting(framework, { skip });
      expect([(await exchange(url)).replayed, (await exchange(url)).replayed, runs()]).toEqual([false, true, 1]);
      expect(errors).toHaveLength(2);
    }
  });

  test("compares what its fingerprint covers, and no more", async () => {
    const { url, runs } = await counting(framework, {
      fingerprint: ({ body }) => (JSON.parse(new TextDecoder().decode(body)) as { item: string }).item,
    });
    expect((await exchange(url, { body: '{"item":"tea","sentAt":1}' })).status).toBe(201);
    expect((await exchange(url, { body: '{"item":"tea","sentAt":2}', path: "/v1/orders?trace=7" })).replayed).toBe(
      true,
    );
    expect((await exchange(url, { body: '{"item":"coffee"}' })).status).toBe(422);
    expect((await exchange(url, { body: '{"item":"tea"}', path: "/v2/orders" })).status).toBe(422);
    expect(runs()).toBe(1);
  });

  test("covers the whole request where its rule covers nothing, and leaves bodies out where it says so", async () => {
    for (const fingerprint of [() => ({}), () => JSON.parse("no JSON") as unknown]) {
      const { url, errors } = await counting(framework, { fingerprint });
      expect((await exchange(url)).status).toBe(201);
      expect((await exchange(url, { body: '{"item":"coffee"}' })).status).toBe(422);
      expect(errors).toHaveLength(2);
    }
    const { url } = await counting(framework, { fingerprint: "target" });
    expect((await exchange(url)).status).toBe(201);
    expect((await exchange(url, { body: '{"item":"coffee"}' })).replayed).toBe(true);
    expect((await exchange(url, { path: "/v1/orders?a=1" })).status).toBe(422);
  });
});
