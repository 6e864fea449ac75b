import { expect, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

const origin = "https://shop.example";

/** A service that allows pages of one origin, and knows nothing of keys. */
const service = () =>
  startHttpServer((request, response) => {
    request.resume();
    if (request.headers.origin === origin) {
      response
        .setHeader("access-control-allow-origin", origin)
        .setHeader("access-control-allow-headers", "content-type");
    }
    response.writeHead(request.method === "POST" ? 201 : 204).end();
  });

test("a page of a named origin can read what the gateway itself says, and another can't", async () => {
  const cors = { origins: [origin], credentials: true };
  const { url } = await gatewayTo(await service(), { routes: [keyedRoute], cors });
  const send = (key: string | undefined, body: string, from = origin) =>
    fetch(url, { method: "POST", body, headers: { origin: from, ...(key && { "idempotency-key": key }) } });
  const first = await send("k", "a");
  expect([first.status, first.headers.get("access-control-allow-origin")]).toEqual([201, origin]);
  expect(first.headers.get("access-control-expose-headers")).toContain("Idempotent-Replayed");
  const repeat = await send("k", "a");
  expect(repeat.headers.get("idempotent-replayed")).toBe("true");
  expect(repeat.headers.get("access-control-allow-origin")).toBe(origin);
  expect(repeat.headers.get("access-control-allow-credentials")).toBeNull();
  for (const [response, status] of [
    [await send("k", "other"), 422],
    [await send(undefined, "a"), 400],
    [await send("big", "x".repeat(1_048_577)), 413],
  ] as const) {
    expect(response.status).toBe(status);
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    expect(response.headers.get("access-control-allow-credentials")).toBe("true");
    expect(response.headers.get("access-control-expose-headers")).toContain("Retry-After");
    expect(response.headers.get("vary")).toBe("Origin");
  }
  const foreign = await send("k", "other", "https://evil.example");
  expect([foreign.status, foreign.headers.get("access-control-allow-origin")]).toEqual([422, null]);
  expect(foreign.headers.get("vary")).toBe("Origin");
});

test("a service that can't be reached is a readable failure, for every page where all may read", async () => {
  const { url } = await gatewayTo("http://127.0.0.1:1", { routes: [keyedRoute], cors: { origins: ["*"] } });
  for (const init of [{ method: "POST", headers: { origin, "idempotency-key": "k" } }, { headers: { origin } }]) {
    const response = await fetch(url, init);
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
  }
});

test("a preflight is the service's to answer, and the header of keys is among those that it allows", async () => {
  const routes = [{ ...keyedRoute, path: "/orders", keyHeader: "X-Order-Id" }];
  const { url } = await gatewayTo(await service(), { routes, cors: { origins: [origin] } });
  const preflight = async (path: string, from: string, method = "POST") => {
    const headers = { origin: from, "access-control-request-method": method };
    return (await fetch(url + path, { method: "OPTIONS", headers })).headers.get("access-control-allow-headers");
  };
  expect(await preflight("/orders", origin)).toBe("content-type, X-Order-Id");
  expect(await preflight("/orders", origin, "DELETE")).toBe("content-type");
  expect(await preflight("/other", origin)).toBe("content-type");
  expect(await preflight("/orders", "https://evil.example")).toBeNull();
});

test("without the option nothing is added", async () => {
  const { url } = await gatewayTo(await service(), { routes: [keyedRoute] });
  const response = await fetch(url, { method: "POST", headers: { origin } });
  expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([400, null]);
});
