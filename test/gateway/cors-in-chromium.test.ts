import { expect, onTestFinished, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";
import { chromiumBinary, launchChromium } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

// A page of another origin, in a real browser: what it may send, and what of the response it can read.

describeWithServer("a page in Chromium", chromiumBinary, () => {
  /** Two origins with a page, a service that knows nothing of CORS, and a gateway in front of it that allows the first one. */
  async function open() {
    let effects = 0;
    const page = () =>
      startHttpServer((_request, response) =>
        response.setHeader("content-type", "text/html").end("<title>shop</title>"),
      );
    const [origin, foreign] = [await page(), await page()];
    const service = await startHttpServer((request, response) => {
      request.resume();
      if (request.headers.origin === origin) {
        response.setHeader("access-control-allow-origin", origin);
        if (request.method === "OPTIONS") response.setHeader("access-control-allow-headers", "content-type");
      }
      if (request.method === "POST") effects += 1;
      response.writeHead(request.method === "OPTIONS" ? 204 : 201).end(request.method === "POST" ? "made" : undefined);
    });
    const { url } = await gatewayTo(service, { routes: [keyedRoute], cors: { origins: [origin] } });
    const browser = await launchChromium();
    onTestFinished(() => browser.close());
    const visit = async (from: string) => {
      const tab = await browser.newPage();
      await tab.goto(from);
      return (body: string, key?: string) =>
        tab.evaluate(
          async ([target, text, idempotencyKey]) => {
            const headers = {
              "content-type": "application/json",
              ...(idempotencyKey && { "idempotency-key": idempotencyKey }),
            };
            try {
              const response = await fetch(target, { method: "POST", body: text, headers });
              const replayed = response.headers.get("idempotent-replayed");
              const { code } = response.ok ? { code: undefined } : ((await response.json()) as { code?: string });
              return { status: response.status, replayed, code };
            } catch (error) {
              return { error: (error as Error).name };
            }
          },
          [url, body, key] as const,
        );
    };
    return { origin, foreign, visit, effects: () => effects };
  }

  test("of a named origin sends a key by a preflight, and reads the replay and what the gateway itself says", async () => {
    const { origin, visit, effects } = await open();
    const send = await visit(origin);
    expect(await send('{"item":"tea"}', "order-7")).toMatchObject({ status: 201, replayed: null });
    expect(await send('{"item":"tea"}', "order-7")).toMatchObject({ status: 201, replayed: "true" });
    expect(await send('{"item":"coffee"}', "order-7")).toMatchObject({ status: 422, code: "ONCE_KEY_REUSED" });
    expect(await send('{"item":"tea"}')).toMatchObject({ status: 400 });
    expect(effects()).toBe(1);
  });

  test("of another origin can send nothing with a key", async () => {
    const { foreign, visit, effects } = await open();
    const send = await visit(foreign);
    expect(await send('{"item":"tea"}', "order-7")).toEqual({ error: "TypeError" });
    expect(effects()).toBe(0);
  });
});
