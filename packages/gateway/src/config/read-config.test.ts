import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { ConfigError } from "./config-problem.ts";
import { type ConfigFlags, type GatewayConfig, readConfig } from "./read-config.ts";

const noFlags: ConfigFlags = {};

const least = `
upstream: http://127.0.0.1:8080
store: sqlite:keys.db
scope: header:x-account
`;

/** Reads a configuration from a folder with these files, of which the first is it. */
function read(files: Record<string, string>, flags = noFlags): GatewayConfig {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return readConfig({ file: join(folder, Object.keys(files)[0]!), flags });
}

/** Everything that is wrong, without the folder. */
function problemsOf(files: Record<string, string>, flags = noFlags): string[] {
  try {
    read(files, flags);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split("\n").map((line) => line.replace(/^\S*\/([\w.]+:)/, "$1"));
  }
  throw new Error("It was taken.");
}

test("without routes and document, every POST and PATCH needs a key", () => {
  const { upstream, store, scope, routes, limits, listen, http2, workers } = read({ "gateway.yaml": least });
  expect({ upstream: upstream.href, store, scope, limits, listen, http2, workers }).toEqual({
    upstream: "http://127.0.0.1:8080/",
    store: "sqlite:keys.db",
    scope: { by: "header", name: "x-account", from: undefined },
    limits: {},
    listen: { host: "127.0.0.1", port: 8081, tls: undefined },
    http2: false,
    workers: 1,
  });
  expect(routes).toEqual([{ methods: ["POST", "PATCH"], path: "*", keyed: "required", onUnknown: { policy: "hold" } }]);
});

test("all that can be set is read, in units that people write", () => {
  const { routes, limits, scope, listen, workers, drainMs, admin, cors, trustProxy, fingerprintHost } = read({
    "gateway.yaml": `
upstream: http://127.0.0.1:8080/v1
store: redis://127.0.0.1:6379
workers: 4
listen: { host: 0.0.0.0, port: 80 }
drain: 5s
admin: { host: 0.0.0.0 }
cors: { origins: https://shop.example, credentials: true }
trustProxy: 2
fingerprintHost: false
limits: { body: 64KiB, result: 2 MiB, connect: 250ms, firstByte: 1m 30s, idle: 10s, total: 5m, connections: 64,
  passTotal: 2h, callerRate: 0, place: 1s, waiting: 10 }
scope:
  jwt: org.id
  jwks: https://issuer.example/keys
  issuer: https://issuer.example/
  audience: orders
  algorithms: ES256
  clockTolerance: 30s
routes:
  - path: /orders/{id}/pay
    methods: put
    key: optional
    onUnknown: { reconcile: "/payments/{key}", found: 200, absent: [404, 410], quiesce: 1m }
    retention: 7d
    lease: 10s
    wait: 2s
    keyHeader: X-Request-Id
    expiredKeys: run
    noEffectStatuses: 429
    reusedStatus: 409
    retryAfter: 2s
    quota: { keys: 100, per: 1m }
    scope: { header: x-account, from: [10.0.0.0/8, "::1"] }
  - path: /login
    key: none
    limits: { body: 1KiB, result: 2KiB, firstByte: 1s, idle: 2s, total: 3s, callerRate: 9, connections: 4 }
`,
  });
  expect({ limits, listen, workers, scope }).toEqual({
    limits: {
      bodyBytesMax: 65_536,
      resultBytesMax: 2_097_152,
      connectMs: 250,
      firstByteMs: 90_000,
      idleMs: 10_000,
      totalMs: 300_000,
      passTotalMs: 7_200_000,
      callerRateMin: 0,
      placeMs: 1000,
      waitingMax: 10,
      connectionsMax: 64,
    },
    listen: { host: "0.0.0.0", port: 80, tls: undefined },
    workers: 4,
    scope: {
      by: "jwt",
      type: "text",
      claim: "org.id",
      jwks: new URL("https://issuer.example/keys"),
      issuer: "https://issuer.example/",
      audience: "orders",
      algorithms: ["ES256"],
      clockToleranceMs: 30_000,
    },
  });
  expect({ drainMs, admin, cors, trustProxy, fingerprintHost }).toEqual({
    drainMs: 5000,
    admin: { host: "0.0.0.0", port: 81 },
    cors: { origins: ["https://shop.example"], credentials: true },
    trustProxy: 2,
    fingerprintHost: false,
  });
  expect(routes[0]).toEqual({
    path: "/orders/{id}/pay",
    methods: ["PUT"],
    keyed: "optional",
    onUnknown: {
      policy: "reconcile",
      url: "/payments/{key}",
      foundStatuses: [200],
      absentStatuses: [404, 410],
      quiesceMs: 60_000,
    },
    retentionMs: 604_800_000,
    leaseMs: 10_000,
    waitMs: 2000,
    keyHeader: "X-Request-Id",
    expiredKeys: "run",
    noEffectStatuses: [429],
    reusedStatus: 409,
    retryAfterSeconds: 2,
    quota: { keysMax: 100, perMs: 60_000 },
    scope: { by: "header", name: "x-account", from: ["10.0.0.0/8", "::1"] },
  });
  expect(routes[1]?.limits).toEqual({
    bodyBytesMax: 1024,
    resultBytesMax: 2048,
    firstByteMs: 1000,
    idleMs: 2000,
    totalMs: 3000,
    callerRateMin: 9,
    connectionsMax: 4,
  });
  expect(routes.slice(1).map(({ path, keyed }) => [path, keyed])).toEqual([
    ["/login", false],
    ["*", "required"],
  ]);
});

test("everything that is wrong is said at once, with its line and what would be right", () => {
  const text = `upsteam: http://127.0.0.1:8080
store: 5
scope: jwt:sub
limits:
  body: 10 MB
  conect: 5s
listen:
  port: 80810
routes:
  - path: orders
    methods: [POST, "P O"]
    key: maybe
    onUnknown: rerun
    retention: 24
  - path: /a/{id}
    onUnknown: { reconcile: "x", found: 700 }
    scope: { auth: "ftp://x", acount: "header:x" }
`;
  expect(problemsOf({ "gateway.yaml": text })).toEqual([
    "gateway.yaml:1:1: upstream is missing: it must be the URL of the service behind, such as http://127.0.0.1:8080.",
    'gateway.yaml:1:1: It has no setting "upsteam". Did you mean upstream?',
    "gateway.yaml:2:8: store must be where keys are stored, such as sqlite:keys.db or redis://127.0.0.1:6379, but it is 5.",
    "gateway.yaml:3:8: scope.jwks is missing: it must be the URL of the issuer's key set (JWKS), or a file that has it.",
    "gateway.yaml:3:8: scope.issuer is missing: it must be the issuer of the tokens, as their claim iss has it.",
    "gateway.yaml:3:8: scope.audience is missing: it must be for whom the tokens are, as their claim aud has it.",
    'gateway.yaml:5:9: limits.body must be a size such as 64KiB or 1MiB, 0 bytes at least, but it is "10 MB".',
    'gateway.yaml:6:3: limits has no setting "conect". Did you mean connect?',
    "gateway.yaml:8:9: listen.port must be a whole number from 0 to 65535, but it is 80810.",
    'gateway.yaml:10:11: routes[0].path must be a path such as /orders, /orders/{id} or /orders/*, or "*" for all, but it is "orders".',
    'gateway.yaml:11:21: routes[0].methods[1] must be a method such as POST, but it is "P O".',
    'gateway.yaml:12:10: routes[0].key must be "required" or "optional" or "none", but it is "maybe".',
    'gateway.yaml:13:16: routes[0].onUnknown must be "hold", "forward-key", or a mapping with reconcile, but it is "rerun".',
    "gateway.yaml:14:16: routes[0].retention must be a length of time such as 24h, but it is 24.",
    'gateway.yaml:16:29: routes[1].onUnknown.reconcile must be a path to GET below the upstream, such as /orders/by-key/{key}, but it is "x".',
    "gateway.yaml:16:41: routes[1].onUnknown.found must be a whole number from 200 to 499, but it is 700.",
    "gateway.yaml:17:20: routes[1].scope.auth must be the http or https URL of the service that knows the callers.",
    "gateway.yaml:17:12: routes[1].scope.account is missing: it must be header:NAME or body:PATH, where the service's answer names the account.",
    'gateway.yaml:17:31: routes[1].scope has no setting "acount". Did you mean account?',
  ]);
});

test.for<[title: string, text: string, problem: RegExp]>([
  ["no YAML", "a: [1", /gateway.yaml:1:\d+: .*end with a \]/],
  ["a name twice", `${least}store: other`, /gateway.yaml:5:1: Map keys must be unique/],
  ["a list", "- 1", /gateway.yaml:1:1: It must be a mapping of settings, but it is a list/],
  ["nothing", "", /upstream is missing/],
  [
    "a scope that is invalid",
    least.replace("header:x-account", "everyone"),
    /4:8: scope must be header:NAME .*"everyone"/,
  ],
  ["a header without a name", least.replace("header:x-account", '"header:"'), /scope must be header:NAME/],
  ["the raw token as scope", least.replace("x-account", "authorization"), /scope.header must be .*credentials/],
  ["routes without keys", `${least}routes: [{ path: "*", key: none }]\nopenapi: api.yaml`, /No route takes a key/],
  [
    "a symmetric algorithm",
    least.replace("header:x-account", "{ jwt: sub, algorithms: HS256 }"),
    /algorithms must be "RS256"/,
  ],
  [
    "a key set that is no file",
    least.replace("header:x-account", "{ jwt: sub, jwks: nowhere.json }"),
    /scope.jwks must be/,
  ],
  ["a URL with a password", least.replace("127.0.0.1", "user:s3cret@127.0.0.1"), /2:11: upstream must be the URL/],
  ["one half of a certificate", `${least}listen: { cert: a.pem }`, /5:9: A certificate has two files/],
  [
    "a lease as long as the retention",
    `${least}routes: [{ path: /a, lease: 2m, retention: 1m }]`,
    /longer than .*lease/,
  ],
  [
    "a name in reconcile that nothing fills",
    `${least}routes: [{ path: "/a/{id}", onUnknown: { reconcile: "/b/{order}" } }]`,
    /\{order\}/,
  ],
  ["a path with half a name", `${least}routes: [{ path: "/a/{id" }]`, /routes\[0\].path must be/],
])("%s is a problem", ([, text, problem]) => {
  const problems = problemsOf({ "gateway.yaml": text, "api.yaml": "openapi: 3.1.0\npaths: {}" });
  expect(problems.join("\n")).toMatch(problem);
  expect(problems.join("\n")).not.toContain("s3cret");
});

test("a file that is not there is a problem of that file", () => {
  expect(() => readConfig({ file: "/nowhere/gateway.yaml", flags: noFlags })).toThrow(
    "/nowhere/gateway.yaml: The file can't be read",
  );
});

test("flags count more than the file, and what is wrong with one is said of it", () => {
  const flags: ConfigFlags = {
    "--upstream": { path: ["upstream"], value: "http://127.0.0.1:9090" },
    "--port": { path: ["listen", "port"], value: 0 },
    "--store": { path: ["store"], value: undefined },
  };
  const config = read({ "gateway.yaml": `${least}listen: { host: "::1", port: 80 }` }, flags);
  expect([config.upstream.port, config.listen.host, config.listen.port]).toEqual(["9090", "::1", 0]);
  const wrong = { "--upstream": { path: ["upstream"], value: "8080" } };
  expect(problemsOf({ "gateway.yaml": "store: sqlite:keys.db" }, wrong)).toEqual([
    '--upstream: upstream must be the URL of the service behind, such as http://127.0.0.1:8080, but it is "8080".',
    expect.stringMatching(/^gateway.yaml:1:1: scope is missing/),
  ]);
});

test("paths in a file are relative to its folder, and those files are watched", () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "api"));
  writeFileSync(
    join(folder, "api", "orders.json"),
    JSON.stringify({
      openapi: "3.0.3",
      paths: { "/orders": { post: { parameters: [{ in: "header", name: "Idempotency-Key", required: true }] } } },
    }),
  );
  writeFileSync(join(folder, "gateway.yaml"), `${least}openapi: api/orders.json`);
  const { files, routes } = readConfig({ file: join(folder, "gateway.yaml"), flags: noFlags });
  expect(files.map((file) => file.path)).toEqual([join(folder, "gateway.yaml"), join(folder, "api/orders.json")]);
  expect(routes.map(({ path, keyed }) => [path, keyed])).toEqual([["/orders", "required"]]);
});

test("variables of the environment are put into the file, with a default where one is written", () => {
  vi.stubEnv("TEST_STORE", "redis://127.0.0.1:6379");
  vi.stubEnv("TEST_PORT", "8123");
  vi.stubEnv("TEST_EMPTY", "");
  onTestFinished(() => void vi.unstubAllEnvs());
  const { store, listen, upstream, workers, routes, accessLog } = read({
    "gateway.yaml": `
upstream: "http://\${TEST_NONE:-127.0.0.1}:\${TEST_PORT}/\${TEST_EMPTY-}"
store: \${TEST_STORE}
scope: header:x-account
listen: { port: "\${TEST_PORT}" }
workers: \${TEST_EMPTY:-2}
accessLog: \${TEST_LOG:-true}
routes: [{ path: /orders, problemBase: "$\${plain}", noEffectStatuses: "\${TEST_STATUS:-429}" }]
`,
  });
  expect({ store, port: listen.port, upstream: upstream.href, workers, accessLog }).toEqual({
    store: "redis://127.0.0.1:6379",
    port: 8123,
    upstream: "http://127.0.0.1:8123/",
    workers: 2,
    accessLog: true,
  });
  expect(routes[0]).toMatchObject({ problemBase: "${plain}", noEffectStatuses: [429] });
});

test("a variable that is missing, empty or misspelt is refused by name, and no value of one is shown", () => {
  vi.stubEnv("TEST_EMPTY", "");
  vi.stubEnv("TEST_SECRET", "hunter2");
  onTestFinished(() => void vi.unstubAllEnvs());
  const withStore = (store: string): string => least.replace("sqlite:keys.db", store);
  expect(problemsOf({ "gateway.yaml": withStore("${TEST_NONE}") })).toEqual([
    "gateway.yaml:3:8: store needs the variable TEST_NONE, which is not set. Set it, or give a default: ${TEST_NONE:-default}.",
  ]);
  expect(problemsOf({ "gateway.yaml": withStore("${TEST_EMPTY}") })[0]).toContain("TEST_EMPTY, which is empty");
  expect(problemsOf({ "gateway.yaml": withStore('"${TEST_NONE"') })[0]).toContain("can't be read: write ${NAME}");
  expect(problemsOf({ "gateway.yaml": withStore("$TEST_SECRET") })[0]).toContain("was not expanded, TEST_SECRET");
  const secret = { "gateway.yaml": `${withStore("sqlite:keys.db")}workers: "\${TEST_SECRET}"` };
  expect(problemsOf(secret)).toEqual(["gateway.yaml:5:10: workers must be a whole number from 1 to 256."]);
  expect(
    read({ "gateway.yaml": withStore("${TEST_NONE}") }, { "--store": { path: ["store"], value: "sqlite:a" } }),
  ).toMatchObject({ store: "sqlite:a" });
});

test.for<[title: string, setting: string, admin: unknown]>([
  ["the port after the callers' own", "listen: { port: 9000 }", { host: "127.0.0.1", port: 9001 }],
  ["any free port beside any", "listen: { port: 0 }", { host: "127.0.0.1", port: 0 }],
  ["the callers' own", "admin: { port: 8081 }", "shared"],
  ["none", "admin: false", undefined],
])("the operators' port is %s", ([, setting, admin]) => {
  expect(read({ "gateway.yaml": `${least}${setting}` }).admin).toEqual(admin);
});

test.for<[setting: string, problem: RegExp]>([
  ["trustProxy: proxy.example", /trustProxy(\[0\])? must be an address, a network such as 10.0.0.0\/8, or loopback/],
  ["trustProxy: -1", /trustProxy must be/],
  ["cors: { origins: shop.example }", /cors.origins must be an origin such as https:\/\/shop.example/],
  ['cors: { origins: "*", credentials: true }', /cors.credentials must be false where every origin is allowed/],
  ["admin: 9090", /admin must be a mapping with port, or false/],
  ["drain: 5", /drain must be a length of time/],
])("%s is a problem", ([setting, problem]) => {
  expect(problemsOf({ "gateway.yaml": `${least}${setting}` }).join("\n")).toMatch(problem);
});
