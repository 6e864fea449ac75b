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

  test("a key that the browser made is no mistake, and is used for the browser's own re-sends", async () => {
    const { url, runs } = await counting(framework, { profile: { keyHeader: "X-Request-Key", keyRequired: false } });
    const key = '"10666417524333893085"';
    const headers = { "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin" };
    expect(await exchange(url, { key, headers })).toMatchObject({ status: 201, text: "1", replayed: false });
    expect(await exchange(url, { key, headers })).toMatchObject({ status: 201, text: "1", replayed: true });
    // The page's own key counts, whatever the browser adds.
    const own = { ...headers, "x-request-key": "order-7" };
    expect(await exchange(url, { key, headers: own })).toMatchObject({ text: "2", replayed: false });
    expect(await exchange(url, { key: '"7"', headers: own })).toMatchObject({ text: "2", replayed: true });
    // 65 bits, an unquoted number or a name: no browser's.
    for (const mistake of ['"18446744073709551616"', "10666417524333893085", '"order-7"']) {
      expect(await exchange(url, { key: mistake, headers })).toMatchObject({ status: 400 });
    }
    expect(runs()).toBe(2);
  });

  test("a key that the browser made never stands for the page's, where one is required", async () => {
    const headers = { "sec-fetch-mode": "navigate" };
    const key = '"10666417524333893085"';
    const usual = await counting(framework, {});
    const refused = await exchange(usual.url, { key, headers });
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("made by the browser")]);
    // The same number from a program is its own key; so are a page's other keys.
    expect(await exchange(usual.url, { key })).toMatchObject({ status: 201, text: "1" });
    for (const own of ['"4711"', "10666417524333893085", '"order-10666417524333893085"']) {
      expect(await exchange(usual.url, { key: own, headers })).toMatchObject({ status: 201 });
    }
    const named = await counting(framework, { profile: { keyHeader: "X-Request-Key" } });
    expect((await exchange(named.url, { key, headers })).text).toContain("needs a X-Request-Key header");
    const optional = await counting(framework, { profile: { keyRequired: false } });
    expect(await exchange(optional.url, { key, headers })).toMatchObject({ status: 201, replayed: false });
    expect(await exchange(optional.url, { key, headers })).toMatchObject({ status: 201, replayed: true });
    expect([named.runs(), optional.runs()]).toEqual([0, 1]);
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
