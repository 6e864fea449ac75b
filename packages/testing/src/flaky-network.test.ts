import { once } from "node:events";
import { Agent, createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "once-again";
import { randomFaults, type Fault } from "./fault.ts";
import { flakyNetwork, type FlakyNetwork } from "./flaky-network.ts";

/** A server that notes what it sees: requests begun, and effects, which need the whole request. */
class Effects {
  begun = 0;
  bodies: string[] = [];
  connections = 0;
  readonly server: Server = createServer(async (incoming, outgoing) => {
    this.begun += 1;
    const body = await text(incoming).catch(() => undefined);
    if (body === undefined) return;
    this.bodies.push(`${incoming.method} ${incoming.url} ${body}`);
    outgoing.setHeader("x-answer", String(this.bodies.length));
    outgoing.end(`done: ${body}`);
  }).on("connection", () => (this.connections += 1));

  static async listening(): Promise<Effects> {
    const effects = new Effects();
    await once(effects.server.listen(0, "127.0.0.1"), "listening");
    return effects;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** Why a `fetch` failed: the code of its cause, or its own name. */
async function causeOf(failing: Promise<unknown>): Promise<string> {
  const error: unknown = await failing.then(
    () => new Error("It succeeded."),
    (error: unknown) => error,
  );
  const { cause, name } = error as Error;
  return (cause as { code?: string } | undefined)?.code ?? name;
}

let effects: Effects;
let network: FlakyNetwork;

beforeEach(async () => {
  effects = await Effects.listening();
  network = await flakyNetwork({ upstream: () => ({ port: effects.port }) });
});

afterEach(async () => {
  await network.close();
  effects.close();
});

const post = (body: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${network.url}/orders`, { method: "POST", body, ...init });

/** Asks often: what the server has still to see is on its way. */
const often = { interval: 2 };

describe("pass", () => {
  test("the answer comes whole: status, header fields, body", async () => {
    const response = await post("one");
    expect([response.status, response.headers.get("x-answer"), await response.text()]).toEqual([200, "1", "done: one"]);
    expect(effects.bodies).toEqual(["POST /orders one"]);
  });

  test("a megabyte and a stream of chunks go through byte for byte", async () => {
    const body = "0123456789abcdef".repeat(65_536);
    expect(await (await post(body)).text()).toBe(`done: ${body}`);
    const stream = new Blob(["some", "thing"]).stream();
    expect(await (await post("", { body: stream, duplex: "half" })).text()).toBe("done: something");
  });

  test("delays hold the request up, then the answer", async () => {
    network.next({ scenario: "pass", requestDelayMs: 60, answerDelayMs: 80 });
    const startedAt = performance.now();
    const answer = post("slow");
    await expect.poll(() => effects.begun, often).toBe(1);
    const begunMs = performance.now() - startedAt;
    await (await answer).text();
    expect(begunMs).toBeGreaterThanOrEqual(59);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(139);
  });
});

describe("lose-request", () => {
  test("reset: the caller's connection breaks and the server has seen nothing", async () => {
    network.next({ scenario: "lose-request" });
    expect(await causeOf(post("lost"))).toBe("ECONNRESET");
    expect({ begun: effects.begun, connections: effects.connections }).toEqual({ begun: 0, connections: 0 });
  });

  test("silence: only the caller's own time-out ends it", async () => {
    network.next({ scenario: "lose-request", manner: "silence" });
    expect(await causeOf(post("lost", { signal: AbortSignal.timeout(50) }))).toBe("TimeoutError");
    expect(effects.begun).toBe(0);
  });
});

describe("fail", () => {
  test("the server has the request and can't execute it; the caller gets a 503", async () => {
    network.next({ scenario: "fail" });
    const response = await post("half");
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("flaky network");
    await expect.poll(() => effects.begun, often).toBe(1);
    expect(effects.bodies).toEqual([]);
  });

  test("a chunked body is cut as well", async () => {
    network.next({ scenario: "fail" });
    const body = new Blob(["some", "thing"]).stream();
    expect((await post("", { body, duplex: "half" })).status).toBe(503);
    await expect.poll(() => effects.begun, often).toBe(1);
    expect(effects.bodies).toEqual([]);
  });

  test("a request without a body is cut in its head", async () => {
    for (const method of ["GET", "HEAD"]) {
      network.next({ scenario: "fail" });
      expect((await fetch(network.url, { method })).status).toBe(503);
    }
    await expect.poll(() => effects.connections, often).toBe(2);
    expect(effects.begun).toBe(0);
  });
});

describe("lose-answer", () => {
  for (const manner of ["reset", "silence"] as const) {
    test(`${manner}: the effect has happened when the caller's connection ends`, async () => {
      network.next({ scenario: "lose-answer", manner });
      const cause = await causeOf(post("stored", { signal: AbortSignal.timeout(manner === "reset" ? 5_000 : 100) }));
      expect(cause).toBe(manner === "reset" ? "ECONNRESET" : "TimeoutError");
      expect(effects.bodies).toEqual(["POST /orders stored"]);
    });
  }

  test("100 Continue is not the answer", async () => {
    network.next({ scenario: "lose-answer" });
    const outgoing = request(`${network.url}/`, { method: "POST", headers: { expect: "100-continue" } });
    const failed = once(outgoing, "error");
    outgoing.flushHeaders();
    await once(outgoing, "continue");
    outgoing.end("after the go-ahead");
    expect(((await failed)[0] as NodeJS.ErrnoException).code).toBe("ECONNRESET");
    expect(effects.bodies).toEqual(["POST / after the go-ahead"]);
  });
});

test("each exchange of a keep-alive connection has its own fate", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  const send = (body: string): Promise<number | string> =>
    new Promise((resolve) => {
      const outgoing = request(`${network.url}/`, { method: "POST", agent }, (incoming: IncomingMessage) => {
        incoming.resume().on("end", () => resolve(incoming.statusCode ?? 0));
      });
      outgoing.on("socket", (socket) => socket.once("connect", () => ports.add(socket.localPort)));
      outgoing.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
      outgoing.end(body);
    });
  const fates: Fault[] = [
    { scenario: "pass" },
    { scenario: "fail" },
    { scenario: "pass" },
    { scenario: "fail" },
    { scenario: "lose-answer" },
    { scenario: "pass" },
  ];
  network.next(...fates);
  const seen: unknown[] = [];
  for (const index of fates.keys()) seen.push(await send(String(index)));
  expect(seen).toEqual([200, 503, 200, 503, "ECONNRESET", 200]);
  expect(effects.bodies).toEqual(["POST / 0", "POST / 2", "POST / 4", "POST / 5"]);
  // The first five share one connection; the reset ended it.
  expect(ports.size).toBe(2);
  expect(network.counts).toEqual({ pass: 3, "lose-request": 0, fail: 2, "lose-answer": 1, broken: 0 });
  agent.destroy();
});

test("the plan sees each exchange, and what is queued goes before it", async () => {
  const seen: string[] = [];
  await using planned = await flakyNetwork({
    upstream: { port: effects.port },
    plan: ({ index, method, target, headers }) => {
      seen.push(`${index} ${method} ${target} ${headers.get("x-name")}`);
      return { scenario: "fail" };
    },
  });
  planned.next({ scenario: "pass" });
  const statuses: number[] = [];
  for (const name of ["first", "second", "third"]) {
    statuses.push((await fetch(`${planned.url}/${name}`, { headers: { "X-Name": name } })).status);
  }
  expect(statuses).toEqual([200, 503, 503]);
  expect(seen).toEqual(["1 GET /second second", "2 GET /third third"]);
});

test("the server may move", async () => {
  await (await post("before")).text();
  effects.close();
  effects = await Effects.listening();
  await expect.poll(async () => await (await post("after")).text(), often).toBe("done: after");
});

test("closing ends silent connections and everything under way", async () => {
  network.next({ scenario: "lose-request", manner: "silence" }, { scenario: "pass", answerDelayMs: 60_000 });
  const silent = causeOf(post("silent"));
  await expect.poll(() => network.counts["lose-request"], often).toBe(1);
  const delayed = causeOf(post("delayed"));
  await expect.poll(() => effects.bodies.length, often).toBe(1);
  await Promise.all([network.close(), network.close()]);
  await Promise.all([silent, delayed]);
  expect(await causeOf(post("closed"))).toBe("ECONNREFUSED");
});

test("a random plan on real connections: each answer reaches its own caller, and the counts are the truth", async () => {
  await using random = await flakyNetwork({
    upstream: { port: effects.port },
    plan: randomFaults({ probability: 0.5, silenceShare: 0, delayMsMax: 2, random: seededRandom(7) }),
  });
  const results = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const response = await fetch(random.url, { method: "POST", body: String(index) }).catch(() => undefined);
      return response?.status === 200 && (await response.text()) === `done: ${index}`;
    }),
  );
  const confirmed = results.filter(Boolean).length;
  expect(confirmed).toBe(random.counts.pass);
  expect(effects.bodies.length).toBe(random.counts.pass + random.counts["lose-answer"]);
  expect(Object.values(random.counts).reduce((sum, count) => sum + count)).toBe(100);
});
