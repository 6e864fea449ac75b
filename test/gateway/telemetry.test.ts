import { createHash } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type GatewayCommand, startGatewayCommand } from "../support/gateway-command.ts";
import { startHttpServer } from "../support/http-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const sdk = fileURLToPath(new URL("otel-child.ts", import.meta.url));

interface SpanLine {
  readonly scope: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: string;
}

interface MetricLine {
  readonly metric: string;
  readonly points: readonly (readonly [{ readonly "once_again.event": string }, number])[];
}

const [server, client] = [1, 2];

/** A gateway with an SDK in its process, in front of a service that keeps the headers it was sent, by path. */
async function startTraced(flags: readonly string[] = [], environment = {}) {
  const received: IncomingHttpHeaders[] = [];
  const service = await startHttpServer(async (incoming, response) => {
    received.push(incoming.headers);
    await text(incoming);
    if (incoming.url === "/cut") return void incoming.socket.destroy();
    response.writeHead(incoming.method === "POST" ? 201 : 200).end("order");
  });
  const folder = temporaryFolder();
  const [store, config] = [`sqlite:${join(folder, "keys.db")}`, join(folder, "gateway.yaml")];
  // A crowd waits for its places, however slow the machine is.
  writeFileSync(config, "limits: { place: 10m }");
  const args = ["--upstream", service, "--store", store, "--scope", "header:x-account", "--port", "0"];
  args.push("--config", config, ...flags);
  const gateway = await startGatewayCommand(args, {
    NODE_OPTIONS: `${process.env["NODE_OPTIONS"]} --import ${sdk}`,
    ...environment,
  });
  return { gateway, received };
}

/** The next spans that a gateway says, those of kind client first. */
async function spansOf(gateway: GatewayCommand, count: number): Promise<SpanLine[]> {
  const lines: SpanLine[] = [];
  while (lines.length < count) lines.push(JSON.parse(await gateway.said()) as SpanLine);
  return lines.sort((left, right) => right.kind - left.kind);
}

/** The counts of the gateway, as its processes report them when they end. */
async function eventsAtEnd(gateway: GatewayCommand): Promise<Record<string, number>> {
  gateway.signal("SIGTERM");
  const counts: Record<string, number> = {};
  for (let line = await gateway.said(); line !== ""; line = await gateway.said()) {
    const { metric, points } = JSON.parse(line) as MetricLine;
    if (metric !== "once_again.server.events") continue;
    for (const [{ "once_again.event": event }, count] of points) counts[event] = (counts[event] ?? 0) + count;
  }
  return counts;
}

const traceId = (at: number): string => `f${at.toString(16).padStart(31, "0")}`;
const callerSpan = "00f067aa0ba902b7";

/** Sends a request of a caller who has a span. */
async function send(url: string, at: number, options: { method?: string; headers?: object; body?: string } = {}) {
  const headers = {
    "x-account": "acme",
    traceparent: `00-${traceId(at)}-${callerSpan}-01`,
    tracestate: "shop=1",
    ...options.headers,
  };
  const sent = request(url, { method: options.method ?? "POST", agent: false, headers });
  sent.end(options.body ?? "tea");
  const [response] = await once(sent, "response");
  await text(response);
  return response.statusCode as number;
}

const keyed = (key: string) => ({ headers: { "idempotency-key": key } });

/** Which span the service was sent, by a header that is there once. */
const sentSpan = ({ traceparent }: IncomingHttpHeaders): unknown =>
  /^00-\w{32}-(\w{16})-01$/.exec(`${traceparent}`)?.[1];

test.for([
  ["an SDK alone", {}, "@once-again/gateway"],
  ["an SDK that instruments node:http and undici", { INSTRUMENTED: "1" }, "@opentelemetry/instrumentation-http"],
] as const)("%s has one trace from the caller through the gateway to the service", async ([, environment, scope]) => {
  const { gateway, received } = await startTraced([], environment);

  expect(await send(`${gateway.url}/orders?secret=1`, 1, keyed("k-1"))).toBe(201);
  const [sent, served] = await spansOf(gateway, 2);
  expect(served).toMatchObject({ scope, name: "POST *", traceId: traceId(1), parent: callerSpan, status: 0 });
  expect(served!.attributes).toMatchObject({
    "http.route": "*",
    "http.response.status_code": 201,
    "once_again.outcome": "executed",
    "once_again.attempt": 1,
    "once_again.key.hash": createHash("sha256").update("k-1").digest("hex").slice(0, 16),
  });
  expect(sent).toMatchObject({
    scope: "@once-again/gateway",
    name: "POST",
    traceId: traceId(1),
    parent: served!.spanId,
  });
  expect(sent!.attributes).toMatchObject({
    "http.request.method": "POST",
    "http.response.status_code": 201,
    "url.full": expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/orders$/),
  });
  expect(sentSpan(received[0]!)).toBe(sent!.spanId);
  expect(received[0]).toMatchObject({ tracestate: "shop=1" });

  // A replay reaches no service.
  expect(await send(`${gateway.url}/orders?secret=1`, 2, keyed("k-1"))).toBe(201);
  const [replay] = await spansOf(gateway, 1);
  expect(replay).toMatchObject({ kind: server, traceId: traceId(2), attributes: { "once_again.outcome": "replayed" } });

  expect(await send(`${gateway.url}/cut`, 3, keyed("k-2"))).toBe(409);
  const [cut, held] = await spansOf(gateway, 2);
  expect(cut).toMatchObject({ kind: client, parent: held!.spanId, status: 2 });
  expect(cut!.attributes["error.type"]).toMatch(/^(?:UND_ERR_SOCKET|ECONNRESET)$/);
  expect(held).toMatchObject({ traceId: traceId(3), attributes: { "once_again.outcome": "outcome-unknown" } });

  // Requests that pass through: by the pool, and on separate connections.
  const ways = [{}, { expect: "100-continue" }, { trailer: "x-sum", "transfer-encoding": "chunked" }];
  for (const [at, headers] of ways.entries()) {
    expect(await send(`${gateway.url}/free`, 4 + at, { method: "PUT", headers })).toBe(200);
    const [passed, through] = await spansOf(gateway, 2);
    expect(through).toMatchObject({ kind: server, traceId: traceId(4 + at), parent: callerSpan });
    expect(through!.attributes["http.route"]).toBeUndefined();
    expect(passed).toMatchObject({ kind: client, traceId: traceId(4 + at), parent: through!.spanId });
    expect(sentSpan(received.at(-1)!)).toBe(passed!.spanId);
  }

  expect(await eventsAtEnd(gateway)).toEqual({ executed: 1, replayed: 1, "outcome-unknown": 1 });
  expect(await gateway.end()).toBe(0);
});

test("of more requests at once than connections, each has its own trace, in every worker", async () => {
  const { gateway, received } = await startTraced(["--workers", "2"], { INSTRUMENTED: "1" });
  const count = 400;
  const paths = ["/orders", "/free"];
  const send1 = (at: number) =>
    send(`${gateway.url}${paths[at % 2]}`, at, at % 2 === 0 ? keyed(`k-${at}`) : { method: "PUT" });
  await Promise.all(Array.from({ length: count }, (_, at) => send1(at)));
  const spans = await spansOf(gateway, 2 * count);
  for (let at = 0; at < count; at += 1) {
    const [sent, served] = [client, server].map((kind) =>
      spans.find((span) => span.kind === kind && span.traceId === traceId(at)),
    );
    expect(served?.parent).toBe(callerSpan);
    expect(sent?.parent).toBe(served?.spanId);
    expect(served?.attributes["once_again.outcome"]).toBe(at % 2 === 0 ? "executed" : undefined);
  }
  expect(new Set(received.map(sentSpan))).toEqual(
    new Set(spans.filter(({ kind }) => kind === client).map(({ spanId }) => spanId)),
  );
  expect(await eventsAtEnd(gateway)).toEqual({ executed: count / 2 });
  expect(await gateway.end()).toBe(0);
});

test("without an SDK the caller's trace goes to the service as it came", async () => {
  const { gateway, received } = await startTraced([], { NODE_OPTIONS: process.env["NODE_OPTIONS"] });
  await send(`${gateway.url}/orders`, 1, keyed("k-1"));
  expect(sentSpan(received[0]!)).toBe(callerSpan);
  expect(await gateway.end()).toBe(0);
});
