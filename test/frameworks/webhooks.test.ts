import { once as onceEvent } from "node:events";
import { request } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import type { DatabaseSync } from "node:sqlite";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { webhookRoute } from "../../packages/once-again/src/messaging/webhooks/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { effectsDatabase } from "../support/effects-database.ts";
import { startHttpServer } from "../support/http-server.ts";
import { countedStore, senders } from "../support/webhooks.ts";
import { exchange } from "./exchange.ts";
import type { Framework } from "./framework.ts";
import { frameworks } from "./frameworks.ts";
import type { Route, RouteRules } from "./route.ts";
import { needs, serving } from "./serving.ts";

// Webhooks over real connections, in every framework.

const github = senders.find(({ name }) => name === "GitHub")!;
const [secret, other] = github.secrets;
const signed = (text = "tea", key: string = secret) => github.sign({ id: "1", text, secret: key, atMs: 0 });

/** An endpoint for GitHub's webhooks, what it handled, and how often its store was asked. */
async function endpoint(framework: Framework, parser?: Route["parser"]) {
  const { store, calls } = countedStore(memoryStore());
  const handled: { body: string; id: string | undefined }[] = [];
  const errors: unknown[] = [];
  const { scope: _scope, ...rules } = webhookRoute({
    store,
    endpoint: "github",
    verify: github.sender(secret),
    onError: (error) => errors.push(error),
  });
  const { url } = await serving(framework, {
    rules: rules as RouteRules,
    scope: () => "github",
    ...(parser !== undefined && { parser }),
    handle({ execution, body }) {
      handled.push({ body, id: execution.event?.id });
      return { status: 200, body: "handled" };
    },
  });
  const send = ({ headers, body }: { headers: Record<string, string>; body: string | Buffer }) =>
    exchange(url, { key: "", headers, body });
  return { url, send, handled, calls, errors };
}

const byBody: unknown = expect.stringMatching(/^sha256:/);

describe.each(frameworks)("$name", (framework) => {
  test("a webhook is handled once; a forged one is refused before the store is asked", async () => {
    const { send, handled, calls } = await endpoint(framework);
    expect(await send(signed("tea", other))).toMatchObject({ status: 401 });
    expect(await send({ ...signed(), body: signed("coffee").body })).toMatchObject({ status: 401 });
    expect(calls()).toBe(0);
    expect(await send(signed())).toMatchObject({ status: 200, text: "handled", replayed: false });
    expect(await send(signed())).toMatchObject({ status: 200, text: "handled", replayed: true });
    expect(handled).toEqual([{ body: signed().body, id: byBody }]);
  });

  test("50 copies at once, on connections of their own, have one effect", async () => {
    const { send, handled } = await endpoint(framework);
    const responses = await Promise.all(Array.from({ length: 50 }, () => send(signed())));
    expect(handled).toHaveLength(1);
    for (const { status } of responses) expect([200, 409]).toContain(status);
    expect(await send(signed())).toMatchObject({ status: 200, text: "handled" });
    expect(handled).toHaveLength(1);
  });

  test("an older event of an object does not run, and its sender gets 200; one of the same time does", async () => {
    const database = effectsDatabase("webhooks");
    onTestFinished(() => database.store.close());
    const errors: unknown[] = [];
    const { scope: _scope, ...rules } = webhookRoute({
      mode: "transactional",
      store: database.store,
      endpoint: "shop",
      verify: github.sender(secret),
      latest(_event, text) {
        const { text: line } = JSON.parse(text) as { text: string };
        const [object = "", at] = line.split(" ");
        return object === "none" ? undefined : { object, at: at === undefined ? undefined : Number(at) };
      },
      onError: (error) => errors.push(error),
    });
    const { url } = await serving(framework, {
      rules,
      scope: () => "shop",
      handle({ execution, body }) {
        const { text } = JSON.parse(body) as { text: string };
        const { transaction } = execution as unknown as { transaction: DatabaseSync };
        database.execute(transaction, `INSERT INTO effects VALUES ('${text}')`);
        return { status: text === "tea 9" ? 500 : 201, body: text };
      },
    });
    const send = async (text: string) => exchange(url, { key: "", ...signed(text) });
    expect(await send("tea 5")).toMatchObject({ status: 201, text: "tea 5" });
    // A failure moves no mark, so the events in between may still come.
    expect(await send("tea 9")).toMatchObject({ status: 500 });
    expect(await send("tea 7")).toMatchObject({ status: 201 });
    const older = { status: 200, text: expect.stringContaining("A newer event") as string };
    expect(await send("tea 6")).toMatchObject({ ...older, replayed: false });
    expect(await send("tea 6")).toMatchObject({ ...older, replayed: true });
    expect(await send("tea 7.5")).toMatchObject({ status: 201 });
    expect(await send("coffee 1")).toMatchObject({ status: 201 });
    expect(await send("none 0")).toMatchObject({ status: 201 });
    const numbers = Array.from({ length: 12 }, (_, index) => index + 10);
    const responses = await Promise.all(numbers.toReversed().map((number) => send(`milk ${number}`)));
    expect(responses.filter(({ status }) => status !== 200 && status !== 201)).toEqual([]);
    const effects = (await database.effects()).map(String);
    expect(effects.filter((effect) => !effect.startsWith("milk"))).toEqual([
      "coffee 1",
      "none 0",
      "tea 5",
      "tea 7",
      "tea 7.5",
    ]);
    expect(effects).toContain("milk 21");
    errors.length = 0;
    expect(await send("tea")).toMatchObject({ status: 500 });
    expect(errors).toEqual([expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option: "latest" } })]);
  });

  test("a body in chunks is verified as it came, and handled", async () => {
    const { url, handled } = await endpoint(framework);
    const { headers, body } = signed();
    const outgoing = request(`${url}/v1/orders`, {
      method: "POST",
      agent: false,
      headers: { ...headers, "content-type": "application/json", "transfer-encoding": "chunked" },
    });
    outgoing.write(body.slice(0, 7));
    setImmediate(() => outgoing.end(body.slice(7)));
    const [response] = (await onceEvent(outgoing, "response")) as [{ statusCode: number; resume(): void }];
    response.resume();
    expect([response.statusCode, handled.length]).toEqual([200, 1]);
  });

  test("a compressed body is other bytes than those that are signed", async () => {
    const { send, handled, calls } = await endpoint(framework);
    const { headers, body } = signed();
    const zipped = { headers: { ...headers, "content-encoding": "gzip" }, body: gzipSync(body) };
    expect(await send(zipped)).toMatchObject({ status: 401 });
    expect([handled, calls()]).toEqual([[], 0]);
  });

  test.for(["before", "behind"] as const)("a parser that keeps the bytes may stand %s", async (parser, context) => {
    needs(framework, "parser", context);
    const { send, handled } = await endpoint(framework, parser);
    expect(await send(signed("tea", other))).toMatchObject({ status: 401 });
    expect(await send(signed())).toMatchObject({ status: 200 });
    expect(await send(signed())).toMatchObject({ status: 200, replayed: true });
    expect(handled).toEqual([{ body: signed().body, id: byBody }]);
  });

  test("a parser in front that discards the bytes is reported, and nothing is handled", async (context) => {
    needs(framework, "consumedBody", context);
    const { send, handled, calls, errors } = await endpoint(framework, "before, keeping no bytes");
    const response = await send(signed());
    expect(response).toMatchObject({ status: 500 });
    expect(JSON.parse(response.text)).toMatchObject({ code: "ONCE_BODY_CONSUMED" });
    expect(errors).toEqual([expect.objectContaining({ code: "ONCE_BODY_CONSUMED" })]);
    expect([handled, calls()]).toEqual([[], 0]);
  });
});

test("over HTTP/2 a webhook is handled once, and a forged one refused", async () => {
  const { store, calls } = countedStore(memoryStore());
  const handled: string[] = [];
  const route = webhookRoute({ store, endpoint: "github", verify: github.sender(secret) });
  const receive = onceNode(route, (_request, response, { body }) => {
    handled.push(body.toString());
    response.end("handled");
  });
  const server = createHttp2Server((request, response) => void receive(request as never, response as never));
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await onceEvent(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => session.destroy());
  const send = async ({ headers, body }: ReturnType<typeof signed>) => {
    const stream = session.request({ ":method": "POST", ":path": "/webhooks", ...headers });
    stream.write(body.slice(0, 3));
    setImmediate(() => stream.end(body.slice(3)));
    const [{ ":status": status }] = (await onceEvent(stream, "response")) as [{ ":status": number }];
    stream.resume();
    return status;
  };
  expect([await send(signed("tea", other)), calls()]).toEqual([401, 0]);
  expect([await send(signed()), await send(signed())]).toEqual([200, 200]);
  expect(handled).toEqual([signed().body]);
});

test("a sender who hangs up in the middle has asked for nothing", async () => {
  const { store, calls } = countedStore(memoryStore());
  const route = webhookRoute({ store, endpoint: "github", verify: github.sender(secret) });
  const closed = Promise.withResolvers<void>();
  const receive = onceNode(route, () => expect.fail("ran"));
  const url = await startHttpServer((incoming, response) => {
    incoming.once("close", closed.resolve);
    void receive(incoming, response);
  });
  const { headers, body } = signed();
  const outgoing = request(url, { method: "POST", headers: { ...headers, "content-length": body.length } });
  outgoing.on("error", () => undefined);
  outgoing.write(body.slice(0, 7), () => outgoing.destroy());
  await closed.promise;
  expect(calls()).toBe(0);
});
