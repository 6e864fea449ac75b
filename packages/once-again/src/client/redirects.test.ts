import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, expect, test } from "vitest";
import { type Act, answer, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { retryingFetch } from "./retrying-fetch.ts";

const post = { method: "POST", body: "tea" };
const fast = { attemptsMax: 3, keys: true as const, backoff: () => 0 };
const to = (location: string, status = 303): Act => answer(status, { location });

/** An address that refuses connections. */
let refusing = "";

beforeAll(async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  refusing = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  server.close();
  await once(server, "close");
});

test.each([
  ["a host that refuses", () => refusing],
  ["a host without an address", () => "http://no.such.invalid/"],
  ["a port that fetch blocks", () => "http://127.0.0.1:9/"],
  ["a scheme that is not sent", () => "ftp://127.0.0.1/"],
])("a POST that was answered and redirected to %s may have been executed", async (_name, target) => {
  const server = await scriptedServer();
  for (const keys of ["off", true] as const) {
    server.received.length = 0;
    server.script.splice(0, Infinity, to(target()), to(target()), to(target()));
    const call = retryingFetch({ ...fast, keys })(server.url, post);
    await expect(call).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    // Without a key it must not be repeated; with one it may.
    expect(server.received.length).toBeLessThanOrEqual(keys === "off" ? 1 : 3);
  }
});

test("a redirect to the same place, where no server listens any more, leaves a POST in doubt too", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(303, { location: "/orders/1", connection: "close" }).end();
    server.close();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`;
  await expect(retryingFetch({ ...fast, keys: "off" })(url, post)).rejects.toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: { name: "RedirectError" },
  });
});

test("redirects of a request with an effect are followed as fetch follows them", async () => {
  const [server, other] = [await scriptedServer(), await scriptedServer()];
  const headers = { authorization: "Bearer secret", "content-type": "text/x-tea" };
  const sent = async (call: typeof fetch, method: string, status: number) => {
    server.received.length = 0;
    other.received.length = 0;
    server.script.splice(0, Infinity, to("/next#part", status), to(other.url, status));
    const response = await call(server.url, { method, body: "tea", headers });
    const { redirected, url } = response;
    const [got, elsewhere] = [server, other].map(({ received }) => received.map((one) => ({ ...one, key: "" })));
    return { redirected, url, body: await response.text(), got, elsewhere };
  };
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    for (const status of [301, 302, 303, 307, 308]) {
      const ours = await sent(retryingFetch({ ...fast, keys: "off" }), method, status);
      expect(ours, `${method} ${status}`).toEqual(await sent(fetch, method, status));
      expect(ours.redirected).toBe(true);
    }
  }
});

test("a caller that follows redirects itself sees them, and a loop ends", async () => {
  const server = await scriptedServer();
  server.script.push(to("/next"));
  expect((await retryingFetch(fast)(server.url, { ...post, redirect: "manual" })).status).toBe(303);
  server.received.length = 0;
  server.script.splice(0, Infinity, ...Array.from({ length: 100 }, () => to("/next", 307)));
  await expect(retryingFetch(fast)(server.url, post)).rejects.toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: { message: "redirect count exceeded" },
  });
  expect(server.received).toHaveLength(21);
});

test.each([
  ["a redirect that it does not allow", { redirect: "error" } as const, [to("/next")]],
  ["bytes that do not fit their hash", { integrity: "sha256-AAAA" }, []],
  ["too many encodings", {}, [answer(200, { "content-encoding": "gzip,gzip,gzip,gzip,gzip,gzip" })]],
])("of a GET that is answered with %s fetch's own error is thrown at once", async (_name, init, script) => {
  const server = await scriptedServer();
  server.script.push(...script);
  await expect(retryingFetch(fast)(server.url, init)).rejects.toThrow("fetch failed");
  expect(server.received).toHaveLength(1);
});

test.each(["about:blank", "file:///nowhere", "data:malformed", "blob:nodedata:revoked"])(
  "%s never leaves, and fails at once with fetch's own error",
  async (url) => {
    for (const init of [{}, post]) {
      await expect(retryingFetch({ backoff: () => 60_000 })(url, init)).rejects.toThrow("fetch failed");
    }
  },
);
