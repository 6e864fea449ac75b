import { memoryStore } from "once-again/stores/memory";
import { expect, onTestFinished, test } from "vitest";
import { openScope } from "../../packages/gateway/src/scope/open-scope.ts";
import { posted, startHttpServer } from "../support/http-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

// A replay skips the upstream, and so the upstream's authorisation: the gateway has to ask each time.

/** How many replays the revoked caller asks for: `REVOKED_REPLAYS=10000 npx vitest run test/gateway/revoked-caller.test.ts`. */
const replays = Number(process.env["REVOKED_REPLAYS"] ?? 300);

test(`a caller who is revoked gets none of ${replays} replays, and has had each of them before`, async () => {
  let isRevoked = false;
  const auth = await startHttpServer((_, response) => {
    if (isRevoked) response.writeHead(403).end("revoked");
    else response.setHeader("x-user", "acme").end();
  });
  const { scopeOf, close } = openScope({
    by: "auth",
    type: "text",
    url: new URL(auth),
    account: { header: "x-user" },
    pass: ["authorization"],
    timeoutMs: 10_000,
  });
  onTestFinished(close);
  let effects = 0;
  const upstream = await startHttpServer((request, response) => {
    request.resume().on("end", () => response.writeHead(201).end(String((effects += 1))));
  });
  const { url } = await gatewayTo(upstream, { routes: [keyedRoute], scope: scopeOf, store: memoryStore() });
  const send = (key: number) => posted(`${url}/orders`, `key-${key}`, { headers: { authorization: "Bearer t" } });
  const sendAll = async () => {
    const answers: Awaited<ReturnType<typeof send>>[] = [];
    for (let at = 0; at < replays; at += 50) {
      const keys = Array.from({ length: Math.min(50, replays - at) }, (_, index) => at + index);
      answers.push(...(await Promise.all(keys.map(send))));
    }
    return answers;
  };
  const count = (answers: Awaited<ReturnType<typeof sendAll>>): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { status, replayed } of answers) {
      const kind = `${status}${replayed ? ", a replay" : ""}`;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  };
  expect(count(await sendAll())).toEqual({ "201": replays });
  expect(count(await sendAll())).toEqual({ "201, a replay": replays });
  isRevoked = true;
  expect(count(await sendAll())).toEqual({ "403": replays });
  expect(effects).toBe(replays);
});
