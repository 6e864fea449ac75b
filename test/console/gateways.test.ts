import type { Page } from "playwright-core";
import type { Store } from "once-again/stores";
import { memoryStore } from "once-again/stores/memory";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { consoleServer } from "../../packages/tools/src/console/console-server.ts";
import { gatewaySample } from "../../packages/tools/src/console/gateways/gateway-sample.ts";
import { gatewaysSection } from "../../packages/tools/src/console/gateways/gateways-section.ts";
import { keysSection } from "../../packages/tools/src/console/keys/keys-section.ts";
import { gatewayMetrics } from "../../packages/gateway/src/gateway-metrics.ts";
import { type Gateway, startGateway } from "../../packages/gateway/src/gateway.ts";
import { gatewayTo, keyedRoute } from "../gateway/start-gateway.ts";
import { runCli } from "../support/cli.ts";
import { consoleBrowser, type ConsoleBrowser, type Tab } from "../support/console-browser.ts";
import { posted, startHttpServer } from "../support/http-server.ts";
import { answer, breakOff, scriptedServer } from "../support/scripted-server.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";

/** The options that the gateways of these tests share. */
function offered(store: Store) {
  const metrics = gatewayMetrics();
  return {
    store,
    servesAdmin: true,
    routes: [
      { ...keyedRoute, path: "/payments/{id}" },
      { ...keyedRoute, path: "/login", keyed: false as const },
      keyedRoute,
    ],
    metrics: () => metrics.registry.metrics(),
    onEvent: metrics.onEvent,
    onRequest: metrics.onRequest,
  };
}

/** A gateway with a separate route for payments, in front of a service that breaks off the third order. */
async function busyGateway() {
  const { url, script } = await scriptedServer();
  script.push(answer(201), breakOff);
  const store = memoryStore();
  const gateway = await gatewayTo(new URL(url).origin, offered(store));
  await posted(`${gateway.url}/orders`, "one");
  await posted(`${gateway.url}/orders`, "one");
  await posted(`${gateway.url}/orders`, "cut");
  await fetch(`${gateway.url}/orders`, { method: "POST", body: "{}" });
  await fetch(`${gateway.url}/free`);
  return { gateway, store };
}

describeWithServer("the Gateways page, in Chromium", chromiumBinary, () => {
  let browser: ConsoleBrowser;
  beforeAll(async () => void (browser = await consoleBrowser()), 60_000);
  afterAll(() => browser[Symbol.asyncDispose]());

  const open = async (
    { gateway, store }: Awaited<ReturnType<typeof busyGateway>>,
    view: Parameters<ConsoleBrowser["open"]>[1] = {},
  ): Promise<Tab> => {
    const sections = [gatewaysSection([new URL(gateway.url)]), keysSection({ store: () => store })];
    const server = await consoleServer({ sections, page: browser.page });
    onTestFinished(() => server.close());
    const tab = await browser.open(server.url, view);
    onTestFinished(() => tab.page.close());
    return tab;
  };
  const rowOf = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });
  const figures = async (page: Page, name: string): Promise<string> => {
    const cells = await rowOf(page, name).getByRole("cell").allInnerTexts();
    return cells
      .slice(1)
      .map((text) => text.split(" ")[0]!.replace(",", ""))
      .join(" ");
  };

  test("each route has its policy, and what became of its requests", async () => {
    const { page, complaints } = await open(await busyGateway());
    await rowOf(page, "POST, PATCH *").waitFor();
    expect(await rowOf(page, "POST, PATCH *").innerText()).toContain("required, hold");
    // first, replayed, in progress, unknown, failed, refused, passed
    await expect.poll(() => figures(page, "POST, PATCH *")).toBe("required 1 1 0 1 0 1 0");
    expect(await figures(page, "/payments/{id}")).toBe("required 0 0 0 0 0 0 0");
    expect(await rowOf(page, "/login").innerText()).toContain("passes through");
    expect(await figures(page, "whatever passes through")).toBe(" 0 0 0 0 0 0 1");
    expect(await page.getByRole("status").allInnerTexts()).toMatchObject(
      [/serves/, /is well/].map((text) => expect.stringMatching(text)),
    );
    const errorPage = await page.getByRole("link", { name: "ONCE_OUTCOME_UNKNOWN" }).getAttribute("href");
    expect(errorPage).toMatch(/\/docs\/errors\/ONCE_OUTCOME_UNKNOWN\.md$/);
    expect(await page.getByRole("link", { name: "ONCE_" }).count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("new requests appear by themselves, with how many come in a minute", async () => {
    const busy = await busyGateway();
    const { page } = await open(busy);
    await rowOf(page, "POST, PATCH *").waitFor();
    for (let at = 0; at < 5; at += 1) await posted(`${busy.gateway.url}/orders`, `more-${at}`);
    await expect.poll(() => rowOf(page, "POST, PATCH *").innerText()).toMatch(/6 [\d,]+\/min/);
  });

  test("the link to held keys shows them", async () => {
    const { page } = await open(await busyGateway());
    await page.getByRole("link", { name: "Held keys" }).click();
    await page.getByRole("button", { name: "cut", exact: true }).waitFor();
    expect(await page.getByLabel("State").inputValue()).toBe("held");
    expect(await page.getByRole("button", { name: "one", exact: true }).count()).toBe(0);
  });

  test("a gateway that goes is away, and one that comes back is there again", async () => {
    const busy = await busyGateway();
    const { page } = await open(busy);
    await page.getByText("✓ serves").waitFor();
    await busy.gateway.close();
    await page.getByText("✕ is away").waitFor();
    await page.getByText("ECONNREFUSED").waitFor();
    const again = {
      ...offered(busy.store),
      upstream: new URL("http://127.0.0.1:1"),
      scope: async () => ({ scope: "" }),
    };
    const gateway = await startGateway(again, { port: Number(new URL(busy.gateway.url).port) });
    onTestFinished(() => gateway.close());
    await page.getByText("✓ serves").waitFor();
  });

  test("it fits a phone, in the dark", async () => {
    const { page, complaints } = await open(await busyGateway(), { width: 360, height: 740, dark: true });
    await rowOf(page, "POST, PATCH *").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    expect(complaints).toEqual([]);
  });
});

describe("a sample of a gateway", () => {
  const sampleOf = async (handler: Parameters<typeof startHttpServer>[0]) =>
    gatewaySample(new URL(await startHttpServer(handler)));

  test.for<[string, Parameters<typeof startHttpServer>[0], RegExp]>([
    ["another server", (_request, response) => response.end("hello"), /no gateway/],
    ["a server without such paths", (_request, response) => response.writeHead(404).end(), /no gateway/],
    ["a server that leads elsewhere", (_request, response) => response.writeHead(302, { location: "/" }).end(), /./],
    [
      "one that never ends",
      (_request, response) => {
        const more = (): void => void response.write(Buffer.alloc(1_048_576), (error) => error || more());
        more();
      },
      /more than/,
    ],
  ])("of %s says what is wrong", async ([, handler, problem]) => {
    expect(await sampleOf(handler)).toMatchObject({ problem: expect.stringMatching(problem) });
  });

  test("reads paths with quotes and backslashes in them", async () => {
    const { gateway } = await gatewayOf(String.raw`/a"b\c/{id}`);
    const sample = await gatewaySample(new URL(gateway.url));
    expect("counts" in sample && Object.keys(sample.counts)).toEqual([String.raw`/a"b\c/{id}`]);
  });
});

async function gatewayOf(path: string): Promise<{ gateway: Gateway }> {
  const metrics = gatewayMetrics();
  metrics.onRequest({
    time: "",
    remoteAddress: "",
    method: "POST",
    path,
    route: path,
    status: 200,
    bytes: 1,
    elapsedMs: 1,
  });
  const gateway = await gatewayTo("http://127.0.0.1:1", {
    routes: [keyedRoute],
    metrics: () => metrics.registry.metrics(),
  });
  return { gateway };
}

test.for([
  ["nothing to show", [], /say what to show/],
  ["an address that is no URL", ["--gateway", "127.0.0.1:8081"], /where a gateway listens/],
  ["a password", ["--gateway", "http://user:secret@127.0.0.1"], /where a gateway listens/],
  ["a path", ["--gateway", "http://127.0.0.1:8081/-/health"], /where a gateway listens/],
  ["too many gateways", Array.from({ length: 17 }, () => ["--gateway", "http://127.0.0.1:1"]).flat(), /16 at most/],
] as const)("the console can't be started with %s", async ([, args, reason]) => {
  const { code, stderr } = await runCli(["console", ...args]);
  expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
});
