import { Redis as UpstashRedis } from "@upstash/redis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { redisStore, upstash } from "../../packages/once-again/src/stores/redis/index.ts";
import { storeContract } from "../../packages/testing/src/index.ts";
import { longClaim } from "../support/long-claim.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { type RedisRest, startRedisRest } from "../support/servers/redis-rest.ts";
import { startRedis, valkeyBinary } from "../support/servers/redis.ts";

describeWithServer("a Redis by HTTP", valkeyBinary, () => {
  let server: PrivateServer;
  let door: RedisRest;
  beforeAll(async () => {
    server = await startRedis({ binary: valkeyBinary });
    door = await startRedisRest(server.port);
  });
  afterAll(async () => {
    await door?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const open = (records: string) =>
    redisStore(upstash({ url: door.url, token: door.token }), { prefix: `${records}:` });
  const cases = storeContract({ open }).filter(({ name }) => !name.includes("in any history"));
  for (const { name, run } of cases) test(name, run);

  test("results of every byte come back whole", async () => {
    const store = open("bytes");
    const result = Uint8Array.from({ length: 512 }, (_, index) => index & 0xff);
    const claim = longClaim("order-7");
    await store.claim(claim);
    await store.complete({ ...claim, result });
    const replay = await store.claim(longClaim("order-7"));
    expect(replay.kind === "done" && Uint8Array.from(replay.result)).toEqual(result);
  });

  test("a claim with a lost answer rejects, and is its owner's when it asks again", async () => {
    const store = open("lost");
    // The first claim asks the server what it is, too.
    await store.claim(longClaim("warm"));
    door.losses = 1;
    const claim = longClaim("order-7");
    await expect(store.claim(claim)).rejects.toThrow("fetch failed");
    expect(await store.claim(claim)).toMatchObject({ kind: "acquired", attempt: 1 });
    expect(await store.claim(longClaim("order-7"))).toMatchObject({ kind: "in-progress" });
  });

  test("a wrong token is an error of each call", async () => {
    const store = redisStore(upstash({ ...options(), token: "wrong" }));
    await expect(store.claim(longClaim("order-7"))).rejects.toThrow("Unauthorized");
  });

  test("a command that is not answered in time rejects", async () => {
    const silent = (_url: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    const store = redisStore(upstash({ ...options(), commandMsMax: 20, fetch: silent as typeof fetch }));
    await expect(store.claim(longClaim("order-7"))).rejects.toThrow("timeout");
  });

  const options = () => ({ url: door.url, token: door.token });
});

const valid = { url: "https://eu1-example.upstash.io", token: "secret" };

test.each<[string, unknown, string]>([
  ["an address of TCP", { ...valid, url: "rediss://eu1-example.upstash.io:6379" }, "https:// address"],
  ["no token", { url: valid.url, token: "" }, "token must be"],
  ["no time", { ...valid, commandMsMax: 0 }, "commandMsMax"],
  ["a misspelt option", { ...valid, tokens: "" }, "token"],
  ["nothing", undefined, "upstash's options"],
])("%s is refused", (_, given, message) => {
  expect(() => upstash(given as never)).toThrow(message);
});

test.each([
  [502, "<html>Bad Gateway</html>"],
  [429, ""],
  [200, "null"],
  [503, '"unavailable"'],
])("an answer of %i that is no reply of the API rejects with its status", async (status, body) => {
  const client = upstash({ ...valid, fetch: async () => new Response(body, { status }) });
  await expect(client.callBuffer("PING")).rejects.toThrow(`The REST API answered ${status}, and no result.`);
});

test("a client of @upstash/redis is refused, with what to give instead", () => {
  expect(() => redisStore(new UpstashRedis(valid) as never)).toThrow("redisStore(upstash({ url, token }))");
});
