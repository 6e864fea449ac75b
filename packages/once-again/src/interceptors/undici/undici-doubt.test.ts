import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as undici7 from "undici";
import * as undici8 from "undici8";
import { beforeAll, describe, expect, test } from "vitest";
import { answer, hang, reset, scriptedServer } from "../../../../../test/support/scripted-server.ts";
import { retryingFetch } from "../../client/index.ts";
import { errorVerdict } from "../../delivery/index.ts";
import { retryInterceptor } from "./index.ts";

type RetryInterceptorOptions = NonNullable<Parameters<typeof retryInterceptor>[0]>;

/** An address that refuses connections. */
let refusing = "";

beforeAll(async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  refusing = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  server.close();
  await once(server, "close");
});

const fast: RetryInterceptorOptions = { attemptsMax: 3, keys: true, backoff: () => 0 };

/** Both versions have one shape here; their types name their own classes. */
const versions = { "undici 7": undici7, "undici 8": undici8 as unknown as typeof undici7 };

describe.each(Object.entries(versions))("%s", (_name, { Agent, interceptors, request }) => {
  const post = async (url: string, options: RetryInterceptorOptions, below = new Agent()): Promise<unknown> => {
    const dispatcher = below.compose(retryInterceptor({ ...fast, ...options }));
    return request(url, { dispatcher, method: "POST", body: "tea" }).then(
      ({ statusCode }) => statusCode,
      (error: unknown) => error,
    );
  };

  test("a call that never got through says that it had no effect, as retryingFetch's does", async () => {
    for (const keys of [true, "off"] as const) {
      const ours = await post(refusing, { keys });
      const fetched = await retryingFetch({ ...fast, keys })(refusing, { method: "POST", body: "tea" }).catch(
        (error: unknown) => error,
      );
      for (const error of [ours, fetched]) {
        expect(error).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED", details: { attempts: 3, noEffect: true } });
        expect(errorVerdict(error)).toMatchObject({ delivery: "never", gaveUp: true });
      }
    }
  });

  test("no condition has a POST without a key sent again after a doubt, and one has after a refusal", async () => {
    const server = await scriptedServer();
    const options: RetryInterceptorOptions = { keys: "off", shouldRetry: () => true };
    server.script.push(reset);
    expect(await post(server.url, options)).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    expect(server.received).toHaveLength(1);
    server.script.push(answer(404), answer(404));
    expect(await post(server.url, options)).toBe(200);
    server.script.push(answer(503));
    expect(await post(server.url, { retryStatuses: [500] })).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    expect(server.received).toHaveLength(5);
  });

  test("a call with a doubt about one attempt does not say that it had no effect, and neither does a GET", async () => {
    const server = await scriptedServer();
    server.script.push(reset, reset, reset);
    const dispatcher = new Agent().compose(retryInterceptor(fast));
    const error = await request(server.url, { dispatcher }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED" });
    expect(error).not.toHaveProperty("details.noEffect");
    expect(errorVerdict(error).delivery).toBe("unknown");
  });

  test("an attempt that was never sent costs no budget, and one that was refused does", async () => {
    const server = await scriptedServer();
    const taken: unknown[] = [];
    const budget = { tryTake: (kind: unknown) => taken.push(kind) > 0, onSuccess: () => undefined };
    const single = new Agent({ connections: 1 });
    server.script.push(hang);
    const running = request(server.url, { dispatcher: single });
    const queued = await post(server.url, { budget, attemptTimeoutMs: 20 }, single);
    expect(queued).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED", details: { attempts: 3, noEffect: true } });
    expect(taken).toEqual([]);
    await Promise.all([single.destroy(), expect(running).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" })]);
    server.script.push(answer(429), answer(503, { "Retry-After": "0" }), answer(500));
    expect(await post(server.url, { budget, attemptsMax: 4 })).toBe(200);
    expect(taken).toEqual(["throttled", "throttled", "transient"]);
  });

  test("a budget that throws at a success does not take the answer away", async () => {
    const server = await scriptedServer();
    const budget = {
      tryTake: () => true,
      onSuccess: () => {
        throw new Error("no ledger");
      },
    };
    expect(await post(server.url, { budget })).toBe(200);
  });

  test("a POST that was answered and redirected to a server that is not reached may have been executed", async () => {
    const server = await scriptedServer();
    const following = () => new Agent().compose(interceptors.redirect({ maxRedirections: 3 })) as never;
    const redirect = answer(303, { location: refusing });
    server.script.push(redirect, redirect, redirect, redirect);
    expect(await post(server.url, { keys: "off" }, following())).toMatchObject({
      code: "ONCE_OUTCOME_UNKNOWN",
      cause: { name: "RedirectError", cause: { code: "ECONNREFUSED" } },
    });
    expect(server.received).toHaveLength(1);
    expect(await post(server.url, {}, following())).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    expect(server.received).toHaveLength(4);
  });

  test("a sign-in page behind a redirect is no outcome of an attempt in doubt, nor where trustRedirects is given", async () => {
    const server = await scriptedServer();
    const following = () => new Agent().compose(interceptors.redirect({ maxRedirections: 3 })) as never;
    const signIn = [answer(302, { location: "/login" }), answer(200, { "content-type": "text/html" }, "Sign in")];
    server.script.push(...signIn, reset, ...signIn, ...signIn, ...signIn);
    expect(await post(server.url, {}, following())).toBe(200);
    const unknown = { code: "ONCE_OUTCOME_UNKNOWN", details: { url: new URL("/login", server.url).href } };
    expect(await post(server.url, {}, following())).toMatchObject(unknown);
    expect(await post(server.url, { trustRedirects: false }, following())).toMatchObject(unknown);
    expect(await post(server.url, { trustRedirects: true }, following())).toBe(200);
  });

  test("a 409 of a stranger, while an attempt is in doubt, may be about that attempt", async () => {
    const server = await scriptedServer();
    server.script.push(reset, answer(409));
    expect(await post(server.url, {})).toBe(200);
    server.script.push(answer(409));
    expect(await post(server.url, {})).toBe(409);
    expect(server.received).toHaveLength(4);
  });

  test("what is left in doubt says from when to ask again", async () => {
    const server = await scriptedServer();
    server.script.push(reset, answer(503, { "Retry-After": "3600" }));
    expect(await post(server.url, {})).toMatchObject({
      code: "ONCE_OUTCOME_UNKNOWN",
      details: { attempts: 2, status: 503, retryAt: expect.any(Number) },
    });
  });
});
