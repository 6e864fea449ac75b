import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import { startHttpServer } from "../../../../test/support/http-server.ts";
import type { RequestFacts } from "../gateway-options.ts";
import { openScope } from "./open-scope.ts";
import { type AuthScopeRule, type JwtScopeRule, type ScopeRule, signatureAlgorithms } from "./scope-rule.ts";

const facts = (headers: RequestFacts["headers"] = {}, remoteAddress = "127.0.0.1"): RequestFacts => ({
  method: "POST",
  url: "/orders?x=1",
  host: "shop.example",
  protocol: "http",
  forwardedFor: remoteAddress,
  headers,
  remoteAddress,
});

/** The account that a rule finds, or the status and the text of its refusal. */
async function ask(rule: ScopeRule, request: RequestFacts) {
  const { scopeOf, close } = openScope(rule);
  try {
    const answer = await scopeOf(request);
    if ("scope" in answer) return answer.scope;
    return [answer.refusal.status, new TextDecoder().decode(answer.refusal.body)] as const;
  } finally {
    await close();
  }
}

describe("header", () => {
  const rule = { by: "header", name: "X-Account" } as const;

  test("is the account that the proxy in front has set", async () => {
    expect(await ask(rule, facts({ "x-account": ["acme"] }))).toBe("acme");
  });

  test.for([
    [undefined, 401],
    [[""], 401],
    [["acme", "other"], 400],
    [["acme", "acme"], 400],
  ] as const)("%s is refused with %i", async ([values, status]) => {
    expect(await ask(rule, facts({ "x-account": values }))).toEqual([status, expect.stringContaining("X-Account")]);
  });

  test("is believed from the proxy's addresses alone", async () => {
    const fromProxy = { ...rule, from: ["10.1.0.0/16", "::1"] };
    const from = (address: string) => ask(fromProxy, facts({ "x-account": ["acme"] }, address));
    expect([await from("10.1.2.3"), await from("::1"), await from("::ffff:10.1.2.3")]).toEqual([
      "acme",
      "acme",
      "acme",
    ]);
    expect(await from("10.2.0.1")).toEqual([403, expect.stringContaining("proxy")]);
    expect(await from("::2")).toEqual([403, expect.anything()]);
  });
});

describe("jwt", () => {
  /** An issuer that serves its keys, and signs. */
  async function issuer(algorithm = "ES256") {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), alg: algorithm };
    const state = { asked: 0, up: true, keys: [{ ...jwk, kid: "1" }] };
    const url = await startHttpServer((_, response) => {
      state.asked += 1;
      if (state.up) response.end(JSON.stringify({ keys: state.keys }));
      else response.writeHead(500).end();
    });
    const rule: JwtScopeRule = {
      by: "jwt",
      type: "text",
      claim: "sub",
      jwks: new URL(url),
      issuer: "https://issuer.example",
      audience: "orders",
      algorithms: signatureAlgorithms,
      clockToleranceMs: 5000,
    };
    const sign = (claims: Record<string, unknown>, header: { kid?: string } = { kid: "1" }): Promise<string> =>
      new SignJWT({ iss: rule.issuer, aud: rule.audience, sub: "acme", exp: Date.now() / 1000 + 60, ...claims })
        .setProtectedHeader({ alg: algorithm, ...header })
        .sign(privateKey);
    return { state, rule, sign, jwk };
  }

  const bearer = (token: string, scheme = "Bearer"): RequestFacts => facts({ authorization: [`${scheme} ${token}`] });

  test("is the claim of a token that the issuer has signed", async () => {
    const { rule, sign } = await issuer();
    expect(await ask(rule, bearer(await sign({})))).toBe("acme");
    expect(await ask(rule, bearer(await sign({}), "bearer"))).toBe("acme");
    expect(await ask(rule, bearer(await sign({}, {})))).toBe("acme");
    expect(await ask({ ...rule, claim: "org.id" }, bearer(await sign({ org: { id: "7" } })))).toBe("7");
    expect(await ask({ ...rule, claim: "https://x/org.id" }, bearer(await sign({ "https://x/org.id": "a" })))).toBe(
      "a",
    );
  });

  test("a number and a text are never one account, and a path that leads to two claims names none", async () => {
    const { rule, sign } = await issuer();
    const token = async (sub: unknown) => bearer(await sign({ sub }));
    expect(await ask(rule, await token("5"))).toBe("5");
    expect(await ask(rule, await token(5))).toEqual([403, expect.stringContaining("needs type: number")]);
    expect(await ask({ ...rule, type: "number" }, await token(5))).toBe("5");
    expect(await ask({ ...rule, type: "number" }, await token("5"))).toEqual([403, expect.anything()]);
    const both = bearer(await sign({ "org.id": "a", org: { id: "b" } }));
    expect(await ask({ ...rule, claim: "org.id" }, both)).toEqual([403, expect.stringContaining("no claim org.id")]);
  });

  test("keys may be in a file, also when some look alike", async () => {
    const { rule, sign, jwk, state } = await issuer();
    const other = (await issuer()).jwk;
    expect(await ask({ ...rule, jwks: { keys: [other, jwk] } }, bearer(await sign({}, {})))).toBe("acme");
    expect(await ask({ ...rule, jwks: { keys: [other] } }, bearer(await sign({})))).toEqual([401, expect.anything()]);
    expect(state.asked).toBe(0);
  });

  test.for<[title: string, claims: Record<string, unknown>, status: number, detail: string]>([
    ["of another issuer", { iss: "https://evil.example" }, 401, "claim iss"],
    ["for another audience", { aud: "billing" }, 401, "claim aud"],
    ["that is over", { exp: 1000 }, 401, "it is over"],
    ["without an end", { exp: undefined }, 401, "claim exp"],
    ["of the future", { nbf: Date.now() / 1000 + 600 }, 401, "claim nbf"],
    ["that names no account", { sub: undefined }, 403, "no claim sub"],
    ["of an account that is a list", { sub: [] }, 403, "no claim sub"],
  ])("a token %s is refused", async ([, claims, status, detail]) => {
    const { rule, sign } = await issuer();
    expect(await ask(rule, bearer(await sign(claims)))).toEqual([status, expect.stringContaining(detail)]);
  });

  test("a token of an algorithm that is not taken, or with no signature, is refused", async () => {
    const { rule, sign, state } = await issuer();
    const token = await sign({});
    const [, claims] = token.split(".");
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`;
    const symmetric = await new SignJWT({ sub: "acme" })
      .setProtectedHeader({ alg: "HS256" })
      .sign(Buffer.from(JSON.stringify(state.keys)));
    const forged = `${token.slice(0, -8)}AAAAAAAA`;
    for (const [bad, only] of [[unsigned], [symmetric], [forged], [token, ["RS256"]], ["x.y.z"], ["x"]] as const) {
      expect(await ask({ ...rule, algorithms: only ?? rule.algorithms }, bearer(bad))).toEqual([
        401,
        expect.not.stringContaining(bad),
      ]);
    }
  });

  test.for([undefined, ["Basic YTpi"], ["Bearer"], ["Bearer a b"]])(
    "%s is no token: 401 says how to send one",
    async (values) => {
      const { rule } = await issuer();
      const { scopeOf } = openScope(rule);
      expect(await scopeOf(facts({ authorization: values }))).toMatchObject({
        refusal: { status: 401, headers: expect.arrayContaining([["www-authenticate", "Bearer"]]) },
      });
    },
  );

  test("keys are fetched once for many tokens, and an unknown key does not storm the issuer", async () => {
    const { rule, sign, state } = await issuer();
    const { scopeOf } = openScope(rule);
    const token = await sign({});
    await Promise.all(Array.from({ length: 20 }, () => scopeOf(bearer(token))));
    for (let at = 0; at < 20; at += 1) await scopeOf(bearer(await sign({}, { kid: `unknown-${at}` })));
    expect(state.asked).toBe(1);
  });

  test("while the issuer's keys can't be had, no request passes, and the issuer is asked now and then", async () => {
    const { rule, sign, state } = await issuer();
    state.up = false;
    const { scopeOf } = openScope(rule);
    const token = await sign({});
    for (let at = 0; at < 20; at += 1) await expect(scopeOf(bearer(token))).rejects.toThrow("can't be had");
    expect(state.asked).toBeLessThan(20);
    state.up = true;
    await expect.poll(() => scopeOf(bearer(token)).catch(() => undefined)).toEqual({ scope: "acme" });
  });

  test.for([
    ["too many keys", { keys: Array.from({ length: 101 }, () => ({ kty: "EC" })) }],
    ["no list", { keys: "all" }],
    ["too large", { keys: [{ kty: "EC", x: "a".repeat(2_000_000) }] }],
  ] as const)("a key set that is %s is refused", async ([, set]) => {
    const { rule, sign } = await issuer();
    const jwks = new URL(await startHttpServer((_, response) => void response.end(JSON.stringify(set))));
    await expect(openScope({ ...rule, jwks }).scopeOf(bearer(await sign({})))).rejects.toThrow("can't be had");
  });
});

describe("auth", () => {
  const ruleOf = (url: string, more: Partial<AuthScopeRule> = {}): AuthScopeRule => ({
    by: "auth",
    type: "text",
    url: new URL("/check?for=orders", url),
    account: { header: "X-User" },
    pass: ["Authorization"],
    timeoutMs: 2000,
    ...more,
  });

  test("the service gets the credentials and what was asked for, and names the account", async () => {
    const heard: object[] = [];
    const url = await startHttpServer(({ method, url: target, headers }, response) => {
      heard.push({ method, target, headers });
      response.setHeader("x-user", "acme").end('{"org":{"id":"a1"}}');
    });
    const request = facts({ authorization: ["Bearer t"], "x-secret": ["s"], "x-forwarded-for": ["6.6.6.6"] });
    expect(await ask(ruleOf(url), request)).toBe("acme");
    expect(await ask(ruleOf(url, { account: { body: "org.id" } }), request)).toBe("a1");
    expect(heard[0]).toMatchObject({
      method: "GET",
      target: "/check?for=orders",
      headers: {
        authorization: "Bearer t",
        "x-forwarded-method": "POST",
        "x-forwarded-uri": "/orders?x=1",
        "x-forwarded-host": "shop.example",
        "x-forwarded-for": "127.0.0.1",
      },
    });
    expect(heard[0]).not.toHaveProperty("headers.x-secret");
  });

  test.for(["Authorization", "Cookie", "X-Api-Key"])(
    "two headers %s are refused, since each service could read another one of them",
    async (name) => {
      let asked = 0;
      const url = await startHttpServer((_, response) => {
        asked += 1;
        response.setHeader("x-user", "acme").end();
      });
      const rule = ruleOf(url, { pass: [name] });
      expect(await ask(rule, facts({ [name.toLowerCase()]: ["one", "two"] }))).toEqual([
        400,
        expect.stringContaining(name),
      ]);
      expect(asked).toBe(0);
      expect(await ask(rule, facts({ [name.toLowerCase()]: ["one"] }))).toBe("acme");
    },
  );

  test("its refusal goes to the caller as it is", async () => {
    const url = await startHttpServer((_, response) =>
      response.writeHead(401, { "www-authenticate": "Basic", "x-user": "acme" }).end("who?"),
    );
    const { scopeOf, close } = openScope(ruleOf(url));
    onTestFinished(close);
    expect(await scopeOf(facts())).toMatchObject({
      refusal: {
        status: 401,
        headers: expect.arrayContaining([["www-authenticate", "Basic"]]),
        body: Buffer.from("who?"),
      },
    });
    const redirecting = await startHttpServer((_, response) => response.writeHead(302, { location: "/login" }).end());
    expect(await ask(ruleOf(redirecting), facts())).toEqual([302, ""]);
  });

  test.for<[title: string, answer: (response: ServerResponse) => void]>([
    ["fails", (response) => response.writeHead(500).end()],
    ["names no account", (response) => response.end()],
    ["names two", (response) => response.setHeader("x-user", ["a", "b"]).end()],
    ["is silent", () => undefined],
    ["breaks off", (response) => response.destroy()],
  ])("a service that %s lets no request pass", async ([, answer]) => {
    const url = await startHttpServer((_, response) => answer(response));
    await expect(ask(ruleOf(url, { timeoutMs: 200 }), facts())).rejects.toThrow();
  });

  test("a service that is not there, or has a body that is too large or no JSON, lets no request pass", async () => {
    const gone = createServer().listen(0, "127.0.0.1");
    await once(gone, "listening");
    const { port } = gone.address() as AddressInfo;
    gone.close();
    await expect(ask(ruleOf(`http://127.0.0.1:${port}`), facts())).rejects.toThrow();
    for (const body of ["x".repeat(70_000), "no JSON", '{"org":{}}']) {
      const url = await startHttpServer((_, response) => void response.end(body));
      await expect(ask(ruleOf(url, { account: { body: "org.id" } }), facts())).rejects.toThrow("no account");
    }
  });

  test("it is asked each time anew: a caller who is revoked passes no more", async () => {
    let isRevoked = false;
    const url = await startHttpServer((_, response) => {
      if (isRevoked) response.writeHead(403).end();
      else response.setHeader("x-user", "acme").end();
    });
    const { scopeOf, close } = openScope(ruleOf(url));
    onTestFinished(close);
    expect(await scopeOf(facts())).toEqual({ scope: "acme" });
    isRevoked = true;
    expect(await scopeOf(facts())).toMatchObject({ refusal: { status: 403 } });
  });
});
