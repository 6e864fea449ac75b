import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { readConfig } from "../../packages/gateway/src/config/read-config.ts";
import { logFields } from "../../packages/gateway/src/log-fields.ts";
import type { RequestRecord } from "../../packages/gateway/src/request-record.ts";
import { startHttpServer } from "../support/http-server.ts";
import { until } from "../support/until.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

// The fields of the access log that an operator asks for by name.

const traceId = "0af7651916cd43dd8448eb211c80319c";
const hash = createHash("sha256").update("k-1").digest("hex").slice(0, 16);

async function logged(fields: typeof logFields | readonly []) {
  const upstream = await startHttpServer((request, response) => {
    request.resume();
    response.writeHead(201).end("made");
  });
  const records: RequestRecord[] = [];
  const gateway = await gatewayTo(upstream, {
    routes: [keyedRoute],
    logFields: fields,
    onRequest: (record) => void records.push(record),
  });
  const send = async (more: Record<string, string>, body = "{}", method = "POST") => {
    const headers = { "x-account": "acme", ...more };
    const response = await fetch(`${gateway.url}/orders`, { method, headers, ...(method === "POST" && { body }) });
    await response.arrayBuffer();
  };
  return { send, records };
}

test("each field is logged where it is asked for", async () => {
  const { send, records } = await logged(logFields);
  const key = { "idempotency-key": "k-1" };
  await send({ ...key, "x-request-id": "r-1", traceparent: `00-${traceId}-b7ad6b7169203331-01` });
  await send(key);
  await send(key, '{"other":true}');
  await send({ "x-request-id": "r".repeat(129) }, "", "GET");
  await send({}, "{}");
  await until(() => records.length === 5);
  const picked = records.map(({ status, requestId, trace, keyHash, account, outcome }) => {
    return { status, requestId, trace, keyHash, account, outcome };
  });
  const known = { keyHash: hash, account: "acme" };
  expect(picked).toEqual([
    { status: 201, requestId: "r-1", trace: traceId, ...known, outcome: "executed" },
    { status: 201, requestId: undefined, trace: undefined, ...known, outcome: "replayed" },
    { status: 422, requestId: undefined, trace: undefined, ...known, outcome: "mismatch" },
    { status: 201, requestId: undefined, trace: undefined, keyHash: undefined, account: undefined, outcome: undefined },
    { status: 400, requestId: undefined, trace: undefined, keyHash: undefined, account: undefined, outcome: undefined },
  ]);
  expect(JSON.stringify(records)).not.toContain("k-1");
});

test("of two copies at once each has its outcome", async () => {
  const { send, records } = await logged(logFields);
  await Promise.all(Array.from({ length: 20 }, () => send({ "idempotency-key": "k-1" })));
  await until(() => records.length === 20);
  const outcomes = records.map(({ outcome, status }) => `${status} ${outcome}`);
  expect(outcomes.filter((one) => one === "201 executed")).toHaveLength(1);
  expect(outcomes.filter((one) => !/^201 (executed|replayed)$|^409 in-progress$/.test(one))).toEqual([]);
});

test("without names a record has no such field", async () => {
  const { send, records } = await logged([]);
  await send({ "idempotency-key": "k-1", "x-request-id": "r-1" });
  await until(() => records.length === 1);
  expect(Object.keys(records[0]!)).not.toEqual(expect.arrayContaining([expect.stringMatching(logFields.join("|"))]));
});

test("a field that is not there is refused by the names that are", () => {
  const flags = {
    "--upstream": { path: ["upstream"], value: "http://127.0.0.1:1" },
    "--store": { path: ["store"], value: "sqlite:keys.db" },
    "--scope": { path: ["scope"], value: { header: "x-account" } },
  };
  const withFields = (...value: string[]) =>
    readConfig({ flags: { ...flags, "--log-fields": { path: ["logFields"], value } } });
  expect(() => withFields("trace", "body")).toThrow(/--log-fields.*"requestId" or "trace"/s);
  expect(withFields("trace")).toMatchObject({ accessLog: true, logFields: ["trace"] });
});
