import { describe, expect, test } from "vitest";
import { makeKey } from "../../packages/once-again/src/key/index.ts";
import { dial } from "../support/dial.ts";
import { until } from "../support/until.ts";
import { exchange } from "./exchange.ts";
import type { Framework } from "./framework.ts";
import { frameworks } from "./frameworks.ts";
import type { Route } from "./route.ts";
import { needs, serving } from "./serving.ts";

// The rules for a request, and for when two requests are one operation, in every framework.

/** A route that answers with the body it was given, and with how often it ran. */
async function echoing(framework: Framework, route: Partial<Route> = {}) {
  const bodies: string[] = [];
  const handle: Route["handle"] = ({ body }) => (bodies.push(body), { status: 200, body: `${bodies.length} ${body}` });
  return { ...(await serving(framework, { handle, ...route })), bodies };
}

describe.for(frameworks)("$name", (framework) => {
  test("refuses a key that is missing, malformed or too old", async () => {
    const { url, bodies } = await echoing(framework);
    const old = makeKey({ clock: { now: () => Date.now() - 3 * 86_400_000 } as never });
    for (const [key, status, code] of [
      ["", 400, "ONCE_KEY_INVALID"],
      ['"open', 400, "ONCE_KEY_INVALID"],
      ["a b", 400, "ONCE_KEY_INVALID"],
      ["k".repeat(256), 400, "ONCE_KEY_INVALID"],
      [["a", "a"], 400, "ONCE_KEY_INVALID"],
      [old, 412, "ONCE_KEY_EXPIRED"],
    ] as const) {
      const answer = await exchange(url, { key: key as string });
      expect(answer).toMatchObject({ status, headers: { "content-type": "application/problem+json" } });
      expect(JSON.parse(answer.text)).toMatchObject({ code, status });
    }
    expect(bodies).toEqual([]);
  });

  test("distinguishes a repeated key header from one with a comma in it", async (context) => {
    needs(framework, "repeatedKey", context);
    const { url } = await echoing(framework);
    expect((await exchange(url, { key: ["a", "b"] })).text).toContain("the header is repeated");
  });

  test("takes a quoted key for the same as a bare one", async () => {
    const { url } = await echoing(framework);
    expect((await exchange(url, { key: "abc" })).replayed).toBe(false);
    expect((await exchange(url, { key: '"abc"' })).replayed).toBe(true);
  });

  test("refuses another request under the same key: another body, query, path or media type", async () => {
    const { url, bodies } = await echoing(framework);
    expect((await exchange(url, { path: "/v1/orders?a=1&b=2" })).status).toBe(200);
    expect((await exchange(url, { path: "/v1/orders?b=2&a=1" })).replayed).toBe(true);
    for (const other of [
      { path: "/v1/orders?a=1&b=3" },
      { path: "/v1/orders?a=1&b=2", body: '{"item":"coffee"}' },
      { path: "/v1/orders?a=1&b=2", headers: { "content-type": "text/plain" } },
      { path: "/v1/orders?a=1&b=2", method: "PATCH" },
      { path: "/v2/orders?a=1&b=2" },
    ]) {
      expect(await exchange(url, other)).toMatchObject({ status: 422, replayed: false });
    }
    expect(bodies).toHaveLength(1);
  });

  test.for([undefined, "before", "behind"] as const)(
    "reads every difference in a body, its parser %s",
    async (parser, context) => {
      if (parser !== undefined) needs(framework, "parser", context);
      const { url, bodies } = await echoing(framework, parser === undefined ? {} : { parser });
      const first = await exchange(url, { body: '{"id":9007199254740993,"item":"Tee ☕"}' });
      expect(first.status).toBe(200);
      expect(bodies[0]).toContain("Tee ☕");
      expect((await exchange(url, { body: '{"id":9007199254740993,"item":"Tee ☕"}' })).replayed).toBe(true);
      expect((await exchange(url, { body: '{"id":9007199254740992,"item":"Tee ☕"}' })).status).toBe(422);
      // Bodies that are equal as JSON make equal requests.
      expect((await exchange(url, { key: "b", body: '{"b":1,"a":[]}' })).status).toBe(200);
      expect((await exchange(url, { key: "b", body: ' { "a" : [ ],\n"b" : 1.0 }' })).replayed).toBe(true);
      expect(bodies).toHaveLength(2);
    },
  );

  test("hands a large body on, whole and once", async () => {
    const { url, bodies } = await echoing(framework, framework.cannot.parser === undefined ? { parser: "behind" } : {});
    const body = JSON.stringify({ text: "x".repeat(90_000) });
    expect((await exchange(url, { body })).status).toBe(200);
    expect((await exchange(url, { body })).replayed).toBe(true);
    expect((await exchange(url, { body: body.replace(/.{3}$/, 'y"}') })).status).toBe(422);
    expect(bodies).toEqual([body]);
  });

  test("takes a request without a body", async () => {
    const { url, bodies } = await echoing(framework);
    expect((await exchange(url, { body: "" })).status).toBe(200);
    expect((await exchange(url, { body: "" })).replayed).toBe(true);
    const { socket, heard } = dial(url);
    socket.write(
      "POST /v1/orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: chunked\r\nContent-Type: application/json\r\n" +
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    await until(() => heard().includes("HTTP/1.1 200"));
    expect(bodies).toEqual(["", ""]);
  });

  test("reads a body that comes in pieces", async (context) => {
    needs(framework, "parser", context);
    const { url, bodies } = await echoing(framework, { parser: "behind" });
    const { socket, heard } = dial(url);
    socket.write(
      "POST /v1/orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\nContent-Type: application/json\r\n" +
        'Transfer-Encoding: chunked\r\n\r\n8\r\n{"item":\r\n',
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(bodies).toEqual([]);
    socket.write('6\r\n"tea"}\r\n0\r\n\r\n');
    await until(() => heard().includes("HTTP/1.1 200"));
    expect(bodies).toEqual(['{"item":"tea"}']);
    expect((await exchange(url)).replayed).toBe(true);
  });

  test("refuses a body that was parsed before it, without its bytes", async (context) => {
    needs(framework, "consumedBody", context);
    const errors: unknown[] = [];
    const rules = { onError: (error: unknown) => errors.push(error) };
    const { url, bodies } = await echoing(framework, { rules: rules as never, parser: "before, keeping no bytes" });
    expect(await exchange(url)).toMatchObject({ status: 500, text: expect.stringContaining("ONCE_BODY_CONSUMED") });
    expect(errors).toMatchObject([{ code: "ONCE_BODY_CONSUMED", message: expect.stringContaining("rawBody") }]);
    expect(bodies).toEqual([]);
  });

  test("refuses a body too large", async () => {
    const { url, bodies } = await echoing(framework, { rules: { limits: { bodyBytesMax: 1000 } } as never });
    expect((await exchange(url, { body: "x".repeat(1001) })).status).toBe(413);
    expect((await exchange(url, { body: "x".repeat(500_000) })).status).toBe(413);
    expect((await exchange(url, { body: "x".repeat(1000), headers: { "content-type": "text/plain" } })).status).toBe(
      200,
    );
    expect(bodies).toHaveLength(1);
  });

  test("runs nothing for a caller that hangs up in its upload, and the key is free", async () => {
    const { url, bodies } = await echoing(framework);
    const { socket } = dial(url);
    socket.write(
      "POST /v1/orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\nContent-Type: application/json\r\n" +
        'Content-Length: 14\r\n\r\n{"item":',
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(bodies).toEqual([]);
    expect(await exchange(url)).toMatchObject({ status: 200, replayed: false });
  });

  test("lets other methods pass, keyed or not, and says its policy in every answer", async () => {
    const { url, bodies, policy } = await echoing(framework, { rules: { retentionMs: 3_600_000 } as never });
    const expected = "required, retention=3600, key-length=255";
    for (const method of ["GET", "OPTIONS", "GET"]) {
      const answer = await exchange(url, { method });
      expect([answer.status, answer.replayed, answer.headers["idempotency-key-policy"]]).toEqual([
        200,
        false,
        expected,
      ]);
    }
    expect(bodies).toHaveLength(3);
    for (const key of ["", "k", "k"]) {
      expect((await exchange(url, { key })).headers["idempotency-key-policy"]).toBe(expected);
    }
    expect(policy).toMatchObject({ header: "Idempotency-Key", retentionSeconds: 3600, required: true });
  });

  test("keeps two principals with one key apart, and knows one by a new token", async () => {
    const tokens = new Map([
      ["Bearer a1", "acme"],
      ["Bearer a2", "acme"],
      ["Bearer g1", "globex"],
    ]);
    const ran: string[] = [];
    const { url } = await serving(framework, {
      scope: (authorization) => tokens.get(authorization) ?? expect.fail("no account"),
      handle: ({ execution }) => (ran.push(execution.scope), { status: 200, body: `of ${execution.scope}` }),
    });
    const as = (authorization: string) => exchange(url, { headers: { authorization } });
    expect(await as("Bearer a1")).toMatchObject({ text: "of acme", replayed: false });
    expect(await as("Bearer g1")).toMatchObject({ text: "of globex", replayed: false });
    expect(await as("Bearer a2")).toMatchObject({ text: "of acme", replayed: true });
    expect(ran).toEqual(["acme", "globex"]);
  });

  test("keeps names apart that would be one if they were joined", async () => {
    const { url, bodies } = await echoing(framework, { scope: (authorization) => authorization });
    const names = [
      ["a", "b:c"],
      ["a:b", "c"],
      ["a/b", "c"],
      ["a", "b/c"],
      ["a", "b%2Fc"],
      ["a%2Fb", "c"],
      ["a", "b%3Ac"],
      ["a", "%"],
    ] as const;
    for (const [authorization, key] of names) {
      expect((await exchange(url, { key, headers: { authorization } })).replayed).toBe(false);
    }
    for (const [authorization, key] of names) {
      expect((await exchange(url, { key, headers: { authorization } })).replayed).toBe(true);
    }
    expect(bodies).toHaveLength(names.length);
  });

  test("answers after the connection was used for a refused upload", async () => {
    const { url } = await echoing(framework, { rules: { limits: { bodyBytesMax: 10 } } as never });
    const { socket, heard } = dial(url);
    const request = (length: number): string =>
      `POST /v1/orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(length)}`;
    socket.write(request(200_000));
    await until(() => heard().includes(" 413 "));
    socket.write(request(3));
    await until(() => heard().includes("1 xxx"));
  });
});
