import { describe, expect, test } from "vitest";
import { answer, reset, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { isForeignResponse, noteRedirect, type RedirectKind } from "./foreign-response.ts";
import { retryingFetch } from "./retrying-fetch.ts";

const html = "text/html";
const json = "application/json";

/** Whether a success that was reached like that is another request's. */
function judge(
  kind: RedirectKind | "none",
  {
    url = "https://shop.example/next",
    type = json,
    accept = null as string | null,
    method = "POST",
    status = 200,
    trusts = undefined as boolean | undefined,
  } = {},
): boolean {
  const response = { status, headers: new Headers({ "content-type": type }), redirected: kind !== "none", url };
  if (kind !== "none" && kind !== "unseen") noteRedirect(response, { kind, isReplay: false });
  const headers = { get: (name: string) => (name === "accept" ? accept : null) };
  const rule = trusts === undefined ? undefined : () => trusts;
  return isForeignResponse(response, { method, origin: "https://shop.example", headers }, rule);
}

describe("a success is another request's", () => {
  const elsewhere = "https://hotel.example/";

  test.each([
    ["none", {}, false],
    ["none", { type: html }, false],
    ["none", { type: html, accept: json }, true],
    ["none", { type: `${html}; charset=utf-8`, accept: "application/problem+json" }, true],
    ["none", { type: html, accept: `${json}, */*` }, false],
    ["became-get", {}, true],
    ["became-get", { method: "GET" }, false],
    ["became-get", { trusts: true }, false],
    ["became-get", { trusts: false }, true],
    // Refusals have other rules.
    ["became-get", { status: 404 }, false],
    ["see-other", { type: html }, false],
    ["see-other", { type: html, accept: json }, true],
    ["see-other", { url: elsewhere }, true],
    ["same-request", { url: elsewhere }, false],
    ["same-request", { url: elsewhere, type: html }, true],
    ["same-request", { type: html }, false],
    ["unseen", {}, false],
    ["unseen", { type: html }, true],
    ["unseen", { url: elsewhere }, true],
    ["unseen", { url: "" }, true],
    ["unseen", { type: html, trusts: true }, false],
  ] as const)("%s %j: %s", (kind, response, isForeign) => {
    expect(judge(kind, response)).toBe(isForeign);
  });
});

describe("retryingFetch", () => {
  const fast = { keys: true as const, backoff: () => 0, attemptsMax: 3 };
  const post = { method: "POST", body: "{}" };
  const signIn = [answer(302, { location: "/login" }), answer(200, { "content-type": html }, "Sign in")];

  test("returns it as fetch does, unless trustRedirects is given", async () => {
    const server = await scriptedServer();
    server.script.push(...signIn, ...signIn, ...signIn, ...signIn);
    const response = await retryingFetch(fast)(server.url, post);
    expect([response.status, response.redirected, new URL(response.url).pathname]).toEqual([200, true, "/login"]);
    for (const trustRedirects of [false, (url: URL) => url.pathname === "/orders/1"]) {
      await expect(retryingFetch({ ...fast, trustRedirects })(server.url, post)).rejects.toMatchObject({
        code: "ONCE_OUTCOME_UNKNOWN",
        details: { attempts: 1, status: 200, url: new URL("/login", server.url).href },
        message: expect.stringContaining("trustRedirects") as string,
      });
    }
    const trusting = retryingFetch({ ...fast, trustRedirects: ({ pathname }) => pathname === "/login" });
    expect((await trusting(server.url, post)).status).toBe(200);
  });

  test("never takes it for the outcome of an attempt in doubt", async () => {
    const server = await scriptedServer();
    server.script.push(reset, ...signIn);
    await expect(retryingFetch(fast)(server.url, post)).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    expect(server.received).toHaveLength(3);
    server.script.push(reset, ...signIn);
    expect((await retryingFetch({ ...fast, trustRedirects: true })(server.url, post)).status).toBe(200);
  });

  test.each(["yes", 1, null, {}])("refuses %j as trustRedirects", (trustRedirects) => {
    expect(() => retryingFetch({ trustRedirects: trustRedirects as never })).toThrow("trustRedirects");
  });
});
