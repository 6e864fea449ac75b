import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { consoleServer, type ConsoleOptions } from "./console-server.ts";
import { liveChannel } from "./live-channel.ts";
import type { Section } from "./route.ts";

const channel = liveChannel();

const keys: Section = {
  name: "keys",
  routes: {
    "GET list": ({ query }) => ({ json: { scope: query.get("scope") } }),
    "GET watch": ({ signal }) => ({ events: channel.watch(signal) }),
    "GET break": () => {
      throw new Error("The store is gone.");
    },
    "POST release": ({ body }) => ({ status: 202, json: { body } }),
  },
  close: async () => undefined,
};

async function started(options: Partial<ConsoleOptions> = {}) {
  const folder = temporaryFolder();
  const page = join(folder, "page");
  await mkdir(page);
  await writeFile(join(page, "index.html"), "<p>the page</p>");
  await writeFile(join(folder, "secret.txt"), "secret");
  const server = await consoleServer({ sections: [keys], page, ...options });
  onTestFinished(() => server.close());
  return { ...server, origin: new URL(server.url).origin };
}

const post = (url: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: "POST", body, headers });

test("serves the page, which may load nothing from elsewhere and be in no frame", async () => {
  const { origin } = await started();
  const response = await fetch(origin);
  expect(await response.text()).toBe("<p>the page</p>");
  expect(response.headers.get("content-security-policy")).toMatch(
    /default-src 'self'.*base-uri 'none'; form-action 'none'; frame-ancestors 'none'/,
  );
});

test("the address has the token where browsers keep it to themselves", async () => {
  const { url, token } = await started();
  expect(new URL(url).hash).toBe(`#token=${token}`);
  expect(Buffer.from(token, "base64url")).toHaveLength(16);
});

test("a route gets the query; its own problem is reported; an unknown path is 404", async () => {
  const { origin } = await started();
  expect(await (await fetch(`${origin}/api/keys/list?scope=acme`)).json()).toEqual({ scope: "acme" });
  expect(await (await fetch(`${origin}/api/sections`)).json()).toEqual({ sections: ["keys"], mayChange: false });
  const broken = await fetch(`${origin}/api/keys/break`);
  expect([broken.status, await broken.json()]).toEqual([500, { problem: "The store is gone." }]);
  expect((await fetch(`${origin}/api/keys/nothing`)).status).toBe(404);
});

test("a change needs the token", async () => {
  const { origin, token } = await started();
  const url = `${origin}/api/keys/release`;
  expect((await post(url, "{}")).status).toBe(401);
  expect((await post(url, "{}", { authorization: "Bearer guessed" })).status).toBe(401);
  const allowed = await post(url, '{"key":"k"}', { authorization: `Bearer ${token}` });
  expect([allowed.status, await allowed.json()]).toEqual([202, { body: { key: "k" } }]);
});

test("a body that is no JSON, or too long, is refused", async () => {
  const { origin, token } = await started();
  const authorization = { authorization: `Bearer ${token}` };
  const broken = await post(`${origin}/api/keys/release`, "{", authorization);
  expect([broken.status, await broken.json()]).toEqual([400, { problem: "The body of a request must be JSON." }]);
  const long = await post(`${origin}/api/keys/release`, `"${"a".repeat(1024 * 1024)}"`, authorization);
  expect(long.status).toBe(413);
});

test("behind a body that is too long the connection has its next request", async () => {
  const { origin, token } = await started();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const send = async (body: string): Promise<[status: number | undefined, isReused: boolean]> => {
    const headers = { authorization: `Bearer ${token}`, "content-length": body.length };
    const outgoing = request(`${origin}/api/keys/release`, { method: "POST", headers, agent }).end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    await text(response);
    return [response.statusCode, outgoing.reusedSocket];
  };
  expect(await send("a".repeat(3 * 1024 * 1024))).toEqual([413, false]);
  expect(await send("{}")).toEqual([202, true]);
});

test.each([
  ["scope", "a".repeat(5000)],
  ["id", "\0"],
])("a %s that no store can have is refused before a store is asked", async (name, value) => {
  const { origin } = await started();
  const response = await fetch(`${origin}/api/keys/break?${new URLSearchParams({ [name]: value }).toString()}`);
  expect(response.status).toBe(400);
});

test("where the token is required, a request without it sees nothing", async () => {
  const { origin, token } = await started({ requireToken: true });
  expect((await fetch(`${origin}/api/keys/list`)).status).toBe(401);
  expect((await fetch(`${origin}/api/keys/watch`)).status).toBe(401);
  const allowed = await fetch(`${origin}/api/keys/list`, { headers: { authorization: `Bearer ${token}` } });
  expect(allowed.status).toBe(200);
});

test("a name that points here by DNS gets nothing", async () => {
  const { origin } = await started();
  expect((await raw(origin, "/api/keys/list", { host: "evil.example" })).status).toBe(421);
});

test.each(["/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt"])(
  "%s does not lead out of the page",
  async (path) => {
    const { origin } = await started();
    const { body } = await raw(origin, path);
    expect(body).not.toContain("secret");
  },
);

test("events go over as they happen, until the page goes", async () => {
  const { origin } = await started();
  const stop = new AbortController();
  const response = await fetch(`${origin}/api/keys/watch`, { signal: stop.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  channel.publish({ event: "sample", data: { at: 1 } });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toBe('event: sample\ndata: {"at":1}\n\n');
  stop.abort();
});

test("a port that is taken is reported", async () => {
  const { origin } = await started();
  await expect(started({ port: Number(new URL(origin).port) })).rejects.toThrow("EADDRINUSE");
});

test("a page that is not built is reported, with the command that builds it", async () => {
  await expect(started({ page: join(temporaryFolder(), "missing") })).rejects.toThrow("npm run build");
});

/** As `fetch` does not send it: a path as it is, a host of one's own. */
async function raw(origin: string, path: string, headers: Record<string, string> = {}) {
  const { hostname, port } = new URL(origin);
  const sent = request({ hostname, port, path, headers }).end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once("response", resolve).once("error", reject);
  });
  return { status: response.statusCode, body: await text(response) };
}

/** Sends bytes as they are, and resolves with what came back when the connection ends. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = "";
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
    socket.on("close", () => resolve(heard));
    socket.on("error", reject);
  });
}

const strangeTargets = ["//", "///a", "//[", "/%", "/%E0%A4%A", "http://[", "http://x/", "*", "/api//", "/\\", "/?%"];
const strangeLines = ["Host: \u00ff", "Host: [", "Upgrade: websocket\r\nConnection: Upgrade", "Expect: none", "X: y"];

test("no request of any kind ends the process: the next one is answered", async () => {
  const { origin } = await started();
  const port = Number(new URL(origin).port);
  for (const method of ["GET", "POST", "HEAD", "OPTIONS", "CONNECT"]) {
    for (const target of strangeTargets) {
      for (const line of strangeLines) await exchange(port, `${method} ${target} HTTP/1.1\r\n${line}\r\n\r\n`);
    }
  }
  expect(await exchange(port, "GET // HTTP/1.1\r\nHost: localhost\r\n\r\n")).toMatch(/^HTTP\/1\.1 404 /);
  expect((await fetch(origin)).status).toBe(200);
});
