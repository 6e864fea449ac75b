import { memoryStore } from "once-again/stores/memory";
import { expect, onTestFinished, test } from "vitest";
import { openConfig } from "../../packages/gateway/src/config/open-config.ts";
import { readConfig } from "../../packages/gateway/src/config/read-config.ts";
import { startGateway } from "../../packages/gateway/src/gateway.ts";
import { startHttpServer } from "../support/http-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

// Several services behind one gateway, by path, with a part of the path taken off.

async function startService(name: string) {
  const seen: string[] = [];
  const url = await startHttpServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    request.resume();
    response.writeHead(request.method === "POST" ? 201 : 200).end(`${name} ${seen.length}`);
  });
  return { url, seen };
}

const configOf = (settings: Record<string, unknown>) =>
  readConfig({
    flags: Object.fromEntries(
      Object.entries({ store: "sqlite:unused.db", scope: { header: "x-account" }, ...settings }).map(
        ([name, value]) => [name, { path: [name], value }],
      ),
    ),
  });

async function started(upstreamsOf: (billing: string) => unknown) {
  const [shop, billing] = [await startService("shop"), await startService("billing")];
  const config = configOf({ upstream: shop.url, upstreams: upstreamsOf(billing.url) });
  const { options, close } = openConfig(config, memoryStore());
  const gateway = await startGateway(options);
  onTestFinished(async () => {
    await gateway.close();
    await close();
  });
  const send = async (path: string, key?: string): Promise<string> => {
    const headers = { "x-account": "acme", ...(key !== undefined && { "idempotency-key": key }) };
    const response = await fetch(gateway.url + path, { method: key === undefined ? "GET" : "POST", headers });
    const replayed = response.headers.get("idempotent-replayed") === "true" ? " replayed" : "";
    return `${response.status} ${await response.text()}${replayed}`;
  };
  return { shop, billing, send };
}

test("a path has its service, with keys and without; all others go to the first", async () => {
  const { shop, billing, send } = await started((upstream) => [{ path: "/billing/*", upstream }]);
  expect(await send("/orders", "k-1")).toBe("201 shop 1");
  expect(await send("/billing/charges", "k-2")).toBe("201 billing 1");
  expect(await send("/billing/charges", "k-2")).toBe("201 billing 1 replayed");
  expect(await send("/billing/charges?page=2")).toBe("200 billing 2");
  expect(await send("/")).toBe("200 shop 2");
  expect(shop.seen).toEqual(["POST /orders", "GET /"]);
  expect(billing.seen).toEqual(["POST /billing/charges", "GET /billing/charges?page=2"]);
});

test("the beginning of the path is taken off, and that of the service is put in front", async () => {
  const { billing, send } = await started((upstream) => [
    { path: "/billing/*", upstream: `${upstream}/v2`, strip: "/billing" },
  ]);
  const targets = [
    "/billing/charges?a=/billing/b",
    "/BILLING/charges",
    "//billing//charges",
    "/bill%69ng/charges/",
    "/billing",
    "/billing?x=1",
    "/billing/billing/1",
  ];
  for (const target of targets) await send(target);
  expect(billing.seen).toEqual([
    "GET /v2/charges?a=/billing/b",
    "GET /v2/charges",
    "GET /v2/charges",
    "GET /v2/charges/",
    "GET /v2/",
    "GET /v2/?x=1",
    "GET /v2/billing/1",
  ]);
});

test("one key at two services that get the same path is two requests", async () => {
  const { shop, billing, send } = await started((upstream) => [{ path: "/billing/*", upstream, strip: "/billing" }]);
  expect(await send("/orders", "k-1")).toBe("201 shop 1");
  expect(await send("/billing/orders", "k-1")).toMatch(/^422 /);
  expect([shop.seen, billing.seen]).toEqual([["POST /orders"], []]);
});

test.each([
  [{ path: "billing", upstream: "http://127.0.0.1:1" }, /upstreams\[0\]\.path/],
  [{ path: "/billing/*", upstream: "ftp://127.0.0.1" }, /upstreams\[0\]\.upstream/],
  [{ path: "/billing/*" }, /upstreams\[0\]\.upstream/],
  [{ path: "/billing/*", upstream: "http://127.0.0.1:1", strip: "/bill" }, /upstreams\[0\]\.strip/],
  [{ path: "/{name}/x", upstream: "http://127.0.0.1:1", strip: "/{name}" }, /upstreams\[0\]\.strip/],
  [{ path: "/billing/*", upstream: "http://127.0.0.1:1", rewrite: "/" }, /has no setting "rewrite"/],
])("%o is refused by its name", (upstream, message) => {
  expect(() => configOf({ upstream: "http://127.0.0.1:1", upstreams: [upstream] })).toThrow(message);
});

/** A service that breaks its first POST off, and answers each question with this status. */
async function startBrokenService(foundStatus: number) {
  const seen: string[] = [];
  const url = await startHttpServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    request.resume();
    if (request.method === "GET") response.writeHead(foundStatus).end("found");
    else if (seen.length === 1) request.socket.destroy();
    else response.writeHead(201).end("again");
  });
  return { url, seen };
}

test.for([
  ["/billing/charges/{key}", "200 found"],
  ["/charges/{key}", "500 ONCE_HANDLER_FAILED"],
] as const)("a question at %s about an operation of another service: %s", async ([question, expected]) => {
  const [shop, billing] = [await startBrokenService(404), await startBrokenService(200)];
  const errors: unknown[] = [];
  const { url } = await gatewayTo(shop.url, {
    upstreams: [{ path: "/billing/*", upstream: new URL(billing.url), strip: "/billing" }],
    routes: [
      {
        ...keyedRoute,
        leaseMs: 100,
        onUnknown: { policy: "reconcile", url: question, quiesceMs: 1 },
      },
    ],
    onError: (error) => errors.push(error),
  });
  const repeat = async (): Promise<string> => {
    for (;;) {
      const response = await fetch(`${url}/billing/charges`, { method: "POST", headers: { "idempotency-key": "k-1" } });
      const text = await response.text();
      if (text.includes("ONCE_IN_PROGRESS")) continue;
      return `${response.status} ${/ONCE_\w+/.exec(text)?.[0] ?? text}`;
    }
  };
  expect(await repeat()).toMatch(/^502 /);
  expect(await repeat()).toBe(expected);
  expect(await repeat()).toBe(expected);
  // The other service would have said that nothing happened, and the charge would have been made again.
  expect(shop.seen).toEqual([]);
  const isAsked = question.startsWith("/billing");
  expect(billing.seen).toEqual(["POST /charges", ...(isAsked ? ["GET /charges/k-1"] : [])]);
  const text = errors.map(String).join("\n");
  const problem = '"/charges/{key}" is a path of another service than /billing/charges';
  expect(text.includes(problem)).toBe(!isAsked);
});
