import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { onTestFinished } from "vitest";
import { hedge } from "../retry/layers/index.ts";
import { retryingFetch } from "./index.ts";
import type { RetryingFetchOptions } from "./fetch-options.ts";

// A POST without a response: it is sent again only where a key is known to make the repeat harmless.

type Script = (request: IncomingMessage, response: ServerResponse) => unknown;

/** The server's action for each request, in their order; then 201. */
const lose: Script = (request) => request.socket.destroy();
const say =
  (status: number, headers: Record<string, string> = {}): Script =>
  (_request, response) =>
    response.writeHead(status, headers).end("charged");
const policy = { "idempotency-key-policy": "required, retention=86400, key-length=255" };

/** A server that ignores keys: each request that it has read is a charge. */
async function chargingServer() {
  const state = { script: [] as Script[], charges: [] as string[], requests: [] as IncomingMessage[], url: "" };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      state.requests.push(request);
      state.charges.push(`${request.method} ${request.url} ${String(request.headers["idempotency-key"])}`);
      (state.script.shift() ?? say(201))(request, response);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return state;
}

const fast: RetryingFetchOptions = { attemptsMax: 3, backoff: () => 0 };
const post = { method: "POST", body: "tea" };

let server: Awaited<ReturnType<typeof chargingServer>>;
beforeEach(async () => {
  server = await chargingServer();
});

const unknown = { code: "ONCE_OUTCOME_UNKNOWN" };

describe("by default", () => {
  test("a lost response at a server that ignores keys is one charge, and the error says the line to add", async () => {
    server.script.push(lose);
    const error = await retryingFetch(fast)(`${server.url}/charges`, post).catch((error: unknown) => error);
    expect(error).toMatchObject({ ...unknown, details: { attempts: 1, key: expect.stringMatching(/^[\da-f-]{36}$/) } });
    expect(String(error)).toContain(`${server.url} is not known to honour keys`);
    expect(String(error)).toContain(`add \`keys: ["${server.url}"]\` to the options`);
    expect(server.charges).toHaveLength(1);
  });

  test.each([500, 502, 503, 504, 408])("a %i leaves it open, so it is not sent again", async (status) => {
    server.script.push(say(status, { "retry-after": "0" }));
    await expect(retryingFetch(fast)(server.url, post)).rejects.toMatchObject({ ...unknown, details: { status } });
    expect(server.charges).toHaveLength(1);
  });

  test("a key that the caller brings names no server", async () => {
    server.script.push(lose);
    const headers = { "idempotency-key": "order-42" };
    await expect(retryingFetch(fast)(server.url, { ...post, headers })).rejects.toMatchObject({
      ...unknown,
      details: { key: "order-42" },
    });
    expect(server.charges).toEqual(["POST / order-42"]);
  });

  test.each([429, 425])("what a %i refused is sent again, with the same key", async (status) => {
    server.script.push(say(status));
    expect((await retryingFetch(fast)(server.url, post)).status).toBe(201);
    expect(new Set(server.charges).size).toBe(1);
    expect(server.charges).toHaveLength(2);
  });

  test("a hedge sends no second POST", async () => {
    server.script.push((request, response) => setTimeout(() => say(201)(request, response), 50));
    const layers = () => [hedge({ delayMs: 1 })];
    expect((await retryingFetch({ ...fast, layers })(server.url, post)).status).toBe(201);
    expect(server.charges).toHaveLength(1);
  });

  test.each(["GET", "PUT", "DELETE", "QUERY", "PROPFIND", "SEARCH", "REPORT"])(
    "%s is sent again: its method says that it may be",
    async (method) => {
      server.script.push(lose, lose);
      expect((await retryingFetch(fast)(server.url, { method })).status).toBe(201);
      expect(server.charges).toHaveLength(3);
    },
  );
});

describe("a server that the user has named", () => {
  test.each<[string, (url: string) => RetryingFetchOptions["keys"]]>([
    ["by its origin", (url) => [url]],
    ["by a function of the URL", (url) => (asked) => asked.origin === url && asked.pathname === "/charges"],
    ["with all others", () => true],
  ])("%s gets the request again, with the same key", async (_, keys) => {
    server.script.push(lose, say(503));
    const fetch = retryingFetch({ ...fast, keys: keys(server.url) });
    expect((await fetch(`${server.url}/charges?secret=1`, post)).status).toBe(201);
    expect(server.charges).toHaveLength(3);
    expect(new Set(server.charges).size).toBe(1);
  });

  test("a function that returns a promise is refused before anything is sent", async () => {
    const fetch = retryingFetch({ ...fast, keys: (async () => false) as never });
    await expect(fetch(server.url, post)).rejects.toMatchObject({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining("keys() must be true or false"),
    });
    expect(server.charges).toEqual([]);
  });

  test.each(["auto", false, 7, ["shop.example"], ["https://shop.example/"]])("%j names no server", (keys) => {
    expect(() => retryingFetch({ keys: keys as never })).toThrow(/keys must be/);
  });

  test("is not every place that it redirects to: the other one is asked once", async () => {
    const other = await chargingServer();
    other.script.push(lose);
    server.script.push(say(307, { location: `${other.url}/charges` }));
    const error = await retryingFetch({ ...fast, keys: [server.url] })(server.url, post).catch(String);
    expect(error).toContain(`add \`keys: ["${other.url}"]\``);
    expect([server.charges.length, other.charges.length]).toEqual([1, 1]);
  });

  test("has a hedged attempt followed to an unknown place once", async () => {
    const other = await chargingServer();
    const late: Script = (request, response) =>
      setTimeout(() => say(307, { location: `${other.url}/charges` })(request, response), 20);
    server.script.push(late, late);
    other.script.push(lose);
    const layers = () => [hedge({ delayMs: 1 })];
    await expect(retryingFetch({ ...fast, keys: [server.url], layers })(server.url, post)).rejects.toMatchObject(
      unknown,
    );
    expect(other.charges).toHaveLength(1);
  });
});

describe("a server that has said so", () => {
  test.each([
    ["its policy", policy],
    ["a replay", { "idempotent-replayed": "true" }],
  ])("by %s gets later requests to the same method and path again", async (_, headers) => {
    const fetch = retryingFetch(fast);
    server.script.push(say(201, headers), lose);
    await fetch(`${server.url}/charges`, post);
    expect((await fetch(`${server.url}/charges?page=2`, post)).status).toBe(201);
    expect(server.charges).toHaveLength(3);
  });

  test("in the very call gets its request again", async () => {
    server.script.push(say(500, policy), lose);
    expect((await retryingFetch(fast)(server.url, post)).status).toBe(201);
    expect(new Set(server.charges).size).toBe(1);
  });

  test.each([
    ["another path", "/refunds", "POST"],
    ["another method", "/charges", "PATCH"],
  ])("at one route has said nothing of %s", async (_, path, method) => {
    const fetch = retryingFetch(fast);
    server.script.push(say(201, policy), lose);
    await fetch(`${server.url}/charges`, post);
    await expect(fetch(server.url + path, { ...post, method })).rejects.toMatchObject(unknown);
    expect(server.charges).toHaveLength(2);
  });

  test("and says it no more when it succeeds is forgotten, but not for a failure of what stands in front", async () => {
    const fetch = retryingFetch(fast);
    server.script.push(say(201, policy), say(404), lose, say(201), lose);
    for (const status of [201, 404, 201]) expect((await fetch(server.url, post)).status).toBe(status);
    await expect(fetch(server.url, post)).rejects.toMatchObject(unknown);
  });

  test("of another header has said nothing of ours", async () => {
    const other = { "idempotency-key-policy": 'required, retention=60, key-length=255, header="X-Key"' };
    server.script.push(say(201, other), lose, say(201, other), lose);
    const fetch = retryingFetch(fast);
    await fetch(server.url, post);
    await expect(fetch(server.url, post)).rejects.toMatchObject(unknown);
    const named = retryingFetch({ ...fast, keyHeader: "x-key" });
    await named(server.url, post);
    expect((await named(server.url, post)).status).toBe(201);
  });

  test("after a redirect has spoken of itself alone", async () => {
    const other = await chargingServer();
    server.script.push(say(307, { location: `${other.url}/charges` }), lose);
    other.script.push(say(201, policy));
    const fetch = retryingFetch(fast);
    await fetch(server.url, post);
    await expect(fetch(server.url, post)).rejects.toMatchObject(unknown);
    expect(server.charges).toHaveLength(2);
  });

  test("to one retrying fetch has said nothing to another", async () => {
    server.script.push(say(201, policy), lose);
    await retryingFetch(fast)(server.url, post);
    await expect(retryingFetch(fast)(server.url, post)).rejects.toMatchObject(unknown);
  });

  test("is remembered among the last thousand places", async () => {
    const asked: string[] = [];
    let isLost = false;
    const fetch = retryingFetch({
      ...fast,
      async fetch(url) {
        asked.push(new Request(url).url);
        if (isLost) throw Object.assign(new Error("lost"), { code: "ECONNRESET" });
        return new Response("", { headers: policy });
      },
    });
    for (let number = 0; number <= 1000; number += 1) await fetch(`http://shop.example/${number}`, post);
    isLost = true;
    for (const [number, attempts] of [
      [0, 1],
      [1, 3],
      [1000, 3],
    ] as const) {
      asked.length = 0;
      await expect(fetch(`http://shop.example/${number}`, post)).rejects.toMatchObject(unknown);
      expect(asked).toHaveLength(attempts);
    }
  });
});

describe("what a call says of itself", () => {
  test("`repeatable: true` has a POST without a key sent again", async () => {
    server.script.push(lose, say(500));
    expect((await retryingFetch({ ...fast, keys: "off" })(server.url, { ...post, repeatable: true })).status).toBe(201);
    expect(server.charges).toEqual(Array.from({ length: 3 }, () => "POST / undefined"));
  });

  test("`repeatable: false` has a PUT, and a keyed POST at a named server, sent once", async () => {
    for (const method of ["PUT", "POST"]) {
      server.script.push(lose);
      const call = retryingFetch({ ...fast, keys: true })(server.url, { ...post, method, repeatable: false });
      await expect(call).rejects.toMatchObject(unknown);
    }
    expect(server.charges).toHaveLength(2);
  });

  test.each([
    ["timeoutMS", "timeoutMs"],
    ["attemptMax", "attemptsMax"],
    ["repeatble", "repeatable"],
    ["shouldRety", "shouldRetry"],
  ])("%s is refused before anything is sent: did you mean %s?", async (name, meant) => {
    await expect(retryingFetch(fast)(server.url, { ...post, [name]: 5 })).rejects.toMatchObject({
      code: "ONCE_OPTION_INVALID",
      message: `A call of retryingFetch has no option "${name}". Did you mean ${meant}?`,
    });
    expect(server.charges).toEqual([]);
  });

  test("what others read in the same object passes", async () => {
    const others = { dispatcher: undefined, next: { revalidate: 1 }, cf: {}, duplex: "half", priority: "high" };
    const foreign = { agent: undefined, timeout: 5, retries: 2, compress: true, verbose: false };
    expect((await retryingFetch(fast)(server.url, { ...post, ...others, ...foreign } as never)).status).toBe(201);
  });

  test.each(["yes", 1, null])("repeatable: %j is refused", async (repeatable) => {
    const call = retryingFetch(fast)(server.url, { ...post, repeatable: repeatable as never });
    await expect(call).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
    expect(server.charges).toEqual([]);
  });
});

test("to another origin a redirect takes the key along, and no header that names a secret", async () => {
  const other = await chargingServer();
  const secrets = ["authorization", "cookie", "x-api-key", "x-auth-token", "x-amz-security-token"];
  const headers = { ...Object.fromEntries(secrets.map((name) => [name, "s"])), "x-account": "acme" };
  for (const [target, isSame] of [
    [`${server.url}/there`, true],
    [other.url, false],
  ] as const) {
    server.script.push(say(307, { location: target }));
    await retryingFetch(fast)(server.url, { ...post, headers });
    const reached = (isSame ? server : other).requests.at(-1)!;
    for (const name of secrets) expect(reached.headers[name], name).toBe(isSame ? "s" : undefined);
    expect([reached.headers["x-account"], typeof reached.headers["idempotency-key"]]).toEqual(["acme", "string"]);
  }
});

afterEach(() => {
  if (server.script.length > 0) throw new Error("The server had fewer requests than its script.");
});
