import { describe, expect, test } from "vitest";
import { intentsBench } from "../../../../test/support/intents-bench.ts";
import { type Act, answer, scriptedServer } from "../../../../test/support/scripted-server.ts";

// A success that another request was answered with says nothing of the intent.

const html = { "content-type": "text/html; charset=utf-8" };
const json = { "content-type": "application/json" };
const signIn: Act = answer(200, html, "<h1>Sign in</h1>");
const to = (location: string, status: number, headers = {}): Act => answer(status, { location, ...headers });

describe("a redirect to a sign-in page", () => {
  test.for([301, 302])("by %d: the intent waits, and is done once the person has signed in", async (status) => {
    const { server, opened, order } = await intentsBench();
    const { intents, events } = opened();
    server.script.push(to("/login", status), signIn, answer(201, json, '{"order":1}'));
    const outcome = await intents.submit("pay 1", order());
    expect(outcome).toMatchObject({ state: "done", answer: { status: 201, url: server.url, redirected: false } });
    expect(events.filter(({ type }) => type === "postponed")).toMatchObject([{ inDoubt: true }]);
    expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /orders",
      "GET /login",
      "POST /orders",
    ]);
    expect(new Set(server.received.map(({ key }) => key)).size).toBe(1);
  });

  test("at a server that is not known to honour keys: unknown, with where it led", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(to("/login?next=/orders", 302), signIn);
    const outcome = await opened({ keys: undefined }).intents.submit("pay 1", order());
    const url = new URL("/login?next=/orders", server.url).href;
    expect(outcome).toMatchObject({
      state: "unknown",
      why: "answered",
      answer: { status: 200, url, redirected: true },
    });
    expect(server.received).toHaveLength(2);
  });

  test("that is the stored response is not asked for again", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(to("/login", 302, { "idempotent-replayed": "true" }), signIn);
    expect(await opened().intents.submit("pay 1", order())).toMatchObject({ state: "unknown", why: "answered" });
    expect(server.received).toHaveLength(2);
  });
});

describe("a redirect", () => {
  test("by 303 to a page of the same origin is the server's own word for done, whatever follows there", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(to("/orders/1", 303), to("/orders/1/", 302), answer(200, html, "<h1>Order 1</h1>"));
    const { intents } = opened();
    const outcome = await intents.submit("pay 1", order());
    const answered = { status: 200, url: new URL("/orders/1/", server.url).href, redirected: true };
    expect(outcome).toMatchObject({ state: "done", answer: answered });
    expect(await intents.inspect("pay 1")).toMatchObject({ state: "done", answer: answered });
  });

  test.for([303, 307])("by %d to a page of another origin is no success", async (status) => {
    const { server, opened, order } = await intentsBench();
    const portal = await scriptedServer();
    server.script.push(to(portal.url, status));
    portal.script.push(answer(200, html, "Welcome to our hotel"));
    expect(await opened({ keys: undefined }).intents.submit("pay 1", order())).toMatchObject({ state: "unknown" });
  });

  test("by 307 to another origin's JSON, which got the request itself, is its answer", async () => {
    const { server, opened, order } = await intentsBench();
    const other = await scriptedServer();
    server.script.push(to(other.url, 307));
    other.script.push(answer(201, json, "{}"));
    expect(await opened().intents.submit("pay 1", order())).toMatchObject({
      state: "done",
      answer: { url: other.url },
    });
    expect(other.received).toMatchObject([{ method: "POST" }]);
  });

  test("that the page trusts by its URL is a success", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened({ trustRedirects: (url) => url.pathname.startsWith("/orders/") });
    server.script.push(to("/orders/1", 302), answer(200, html));
    expect(await intents.submit("pay 1", order())).toMatchObject({ state: "done" });
    server.script.push(to("/login", 302), signIn, answer(201));
    expect(await intents.submit("pay 2", order())).toMatchObject({ state: "done", answer: { status: 201 } });
  });
});

test("a page where JSON was asked for is no success: a captive portal answers in the server's place", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents } = opened();
  const headers = { ...json, accept: "application/json" };
  server.script.push(answer(200, html, "Welcome to our hotel"), answer(201, json, "{}"));
  expect(await intents.submit("pay 1", order({ headers }))).toMatchObject({ state: "done", answer: { status: 201 } });
  // Without `Accept`, and with one that takes pages too, a page may be the answer.
  for (const [id, accept] of [
    ["pay 2", undefined],
    ["pay 3", "application/json, text/html"],
    ["pay 4", "application/json, */*"],
  ] as const) {
    server.script.push(answer(200, html, "Thank you"));
    const given = accept === undefined ? json : { ...json, accept };
    expect(await intents.submit(id, order({ headers: given }))).toMatchObject({
      state: "done",
      answer: { status: 200 },
    });
  }
});
