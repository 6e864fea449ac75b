import { once } from "node:events";
import { Agent, request as nodeRequest } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { Agent as UndiciAgent, fetch as undiciFetch, request as undiciRequest, RetryAgent } from "undici";
import { closingServer } from "./browser/closing-server.ts";
import { caddyBinary, startCaddy } from "./support/servers/caddy.ts";
import { describeWithServer } from "./support/servers/describe-with-server.ts";
import { haproxyBinary, startHaproxy } from "./support/servers/haproxy.ts";
import { nginxBinary, startNginx } from "./support/servers/nginx.ts";
import { serverPort } from "./support/servers/server-port.ts";

// The facts of docs/guides/layers-below.md: how often a POST arrives that a caller sends once, through each layer, when its
// connection is closed after the work and before the response. A connection has served a request before.

type Headers = Record<string, string>;

/** Sends a POST over an open connection of Node's agent, and says its status, or what became of it. */
async function post(url: string, body: string, headers: Headers = {}): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body, headers }).catch(() => undefined);
  await response?.text();
  return response?.status;
}

/** How often the POST arrives behind a proxy, and what its caller gets. */
async function through(
  start: (port: number) => Promise<{ url: string; stop(): Promise<unknown> }>,
  { body = "five", headers = {} } = {},
) {
  const server = await closingServer();
  const proxy = await start(Number(new URL(server.url).port));
  onTestFinished(async () => void (await proxy.stop()));
  expect(await post(`${proxy.url}/warm`, body, headers)).toBe(200);
  const status = await post(`${proxy.url}/pay`, body, headers);
  return { arrived: server.paid().length, status };
}

const keyed = { headers: { "idempotency-key": "order-7" } };

describeWithServer("nginx", nginxBinary, () => {
  const nginx =
    (upstream: string, location = "") =>
    (port: number) =>
      startNginx({
        http: `upstream behind { server 127.0.0.1:${port}; ${upstream} }`,
        server: `location / { proxy_pass http://behind; ${location} }`,
      });
  const reused = 'proxy_http_version 1.1; proxy_set_header Connection "";';

  test.for([
    ["as it is installed", "", "", 1, 502],
    ["with connections that it reuses", "keepalive 8;", reused, 1, 502],
    [
      "with proxy_next_upstream non_idempotent",
      "keepalive 8;",
      `${reused} proxy_next_upstream error non_idempotent;`,
      2,
      200,
    ],
  ] as const)("%s", async ([, upstream, location, arrived, status]) => {
    for (const sent of [{}, keyed]) expect(await through(nginx(upstream, location), sent)).toEqual({ arrived, status });
  });
});

describeWithServer("HAProxy", haproxyBinary, () => {
  const haproxy = (more: string) => async (port: number) => {
    const own = await serverPort();
    const configuration = `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  ${more}
frontend front
  bind 127.0.0.1:${own}
  default_backend behind
backend behind
  server one 127.0.0.1:${port}
`;
    return startHaproxy(configuration, own);
  };

  test.for([
    ["with its defaults", "", 1, 502],
    ["with retry-on all-retryable-errors", "retry-on all-retryable-errors", 2, 200],
  ] as const)("%s", async ([, more, arrived, status]) => {
    for (const sent of [{}, keyed]) expect(await through(haproxy(more), sent)).toEqual({ arrived, status });
  });
});

describeWithServer("Caddy", caddyBinary, () => {
  const caddy = (more: string) => async (port: number) => {
    const own = await serverPort();
    return startCaddy(`:${own} {\n  reverse_proxy 127.0.0.1:${port} {\n    ${more}\n  }\n}\n`, own);
  };

  test("with its defaults", async () => {
    expect(await through(caddy(""))).toEqual({ arrived: 1, status: 502 });
    expect(await through(caddy(""), keyed)).toEqual({ arrived: 1, status: 502 });
  });

  test("a POST without a body and with a key", async () => {
    expect(await through(caddy(""), { body: "", ...keyed })).toEqual({ arrived: 2, status: 200 });
  });

  test("a POST without a body and without a key", async () => {
    expect(await through(caddy(""), { body: "" })).toEqual({ arrived: 1, status: 502 });
  });
});

describe("clients of Node", () => {
  const send = async (once: (url: string) => Promise<unknown>) => {
    const server = await closingServer();
    await once(`${server.url}/warm`);
    await once(`${server.url}/pay`).catch(() => undefined);
    return server.paid().map(({ ofConnection }) => ofConnection);
  };

  test("fetch, undici's fetch and undici's RetryAgent send it once, unless POST is among its methods", async () => {
    const below = new UndiciAgent({ connections: 1 });
    const dispatcher = new RetryAgent(below, { minTimeout: 1, maxRetries: 2 });
    expect(await send((url) => post(url, "five"))).toHaveLength(1);
    const init = { method: "POST", body: "five" };
    expect(await send(async (url) => (await undiciFetch(url, { ...init, dispatcher: below })).text())).toEqual([2]);
    expect(await send(async (url) => (await undiciFetch(url, { ...init, dispatcher })).text())).toEqual([2]);
    const forPosts = new RetryAgent(below, { methods: ["POST"] as never, minTimeout: 1, maxRetries: 2 });
    // The body of a fetch is a stream to a dispatcher, of which nothing is left.
    const sendAgain = async (url: string) =>
      (await undiciRequest(url, { method: "POST", body: "five", dispatcher: forPosts })).body.text();
    expect(await send(sendAgain)).toHaveLength(2);
  });

  test("node:http with an agent that reuses connections sends it once", async () => {
    const agent = new Agent({ keepAlive: true });
    const sendOnce = async (url: string): Promise<void> => {
      const outgoing = nodeRequest(url, { method: "POST", agent }).end("five");
      const [response] = (await once(outgoing, "response")) as [NodeJS.ReadableStream];
      response.resume();
      await once(response, "end");
    };
    expect(await send(sendOnce)).toEqual([2]);
    agent.destroy();
  });
});
