import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { type ErrorCode, errorCodes } from "../../packages/once-again/src/core/error-codes.ts";
import { isProblemCode, problem, type ProblemCode } from "../../packages/once-again/src/http/refusals.ts";
import { profiles } from "../../packages/once-again/src/http/profile.ts";
import { verify } from "../../packages/tools/src/verify/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const style = {
  profile: profiles.draft,
  problemBase: "docs/errors/",
  retryAfter: () => 1,
  reusedStatus: 422,
} as const;
const problems = (Object.keys(errorCodes) as ErrorCode[]).filter(isProblemCode);

/** The response to a problem. */
const answered = (code: ProblemCode) => {
  const { status, headers, body } = problem(style, code, "");
  const { type } = JSON.parse(new TextDecoder().decode(body)) as { type: string };
  return { status, comeBack: headers.some(([name]) => name === "retry-after"), type };
};

test("the guide's table has each of the server's own answers, and no others", () => {
  const guide = readFileSync("docs/guides/serving.md", "utf8");
  const rows = guide.matchAll(
    /^\| [^|]+ \| (\d{3}[^|]*?) *\| (yes|no) +\| \[(ONCE_\w+)\]\(\.\.\/errors\/(\w+)\.md\) +\|$/gm,
  );
  const documented = Array.from(rows, ([, status, comeBack, code, page]) => ({ status, comeBack, code, page }));
  const expected = problems.map((code) => {
    const { status, comeBack } = answered(code);
    const shown = code === "ONCE_KEY_REUSED" ? "422, or 409" : String(status);
    return { status: shown, comeBack: comeBack ? "yes" : "no", code, page: code };
  });
  const byCode = (one: { code?: string | undefined }, other: typeof one) => (one.code! < other.code! ? -1 : 1);
  expect(documented.sort(byCode)).toEqual(expected.sort(byCode));
});

test.for(problems)("the type of the problem %s is a page that there is", (code) => {
  expect(existsSync(answered(code).type)).toBe(true);
});

const guides = readdirSync("docs/guides").map((name) => join("docs/guides", name));

test.for(guides)("%s links to pages that there are", (guide) => {
  const prose = readFileSync(guide, "utf8").replaceAll(/^ *```.*?^ *```$/gms, "");
  const links = prose.matchAll(/\]\(((?!https?:)[^)#]+)[^)]*\)/g);
  for (const [, link] of links) expect(existsSync(join(dirname(guide), link!)), link).toBe(true);
});

const examples = readdirSync("examples", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

test.for([...guides, "README.md", ...examples.map((name) => join("examples", name))])(
  "%s makes no caller, key or transaction of one that is missing",
  (page) => {
    expect(readFileSync(page, "utf8")).not.toMatch(/scope:.*(?:String\(|\?\?)|\bkey = ""|once\?\./);
  },
);

const secrets = { STEP_SECRET: "01".repeat(16), SEAL_2026: "02".repeat(32), SEAL_2027: "03".repeat(32) };

function start(guide: string, environment: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const child = spawn(process.execPath, ["--conditions=@once-again/source", `examples/guides/${guide}.ts`], {
    env: {
      ...process.env,
      ...secrets,
      KEYS_DB: join(folder, "keys.db"),
      ORDERS_DB: join(folder, "orders.db"),
      ...environment,
    },
    // Errors that its handlers throw on purpose go to stderr.
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill());
  return child;
}

test.for([
  ["transaction-refused", '200 {"paid":700}\n402 {"declined":400}\npaid: 700\n'],
  ["graphql", "200 paid ran\n200 paid true\n200 failed ran\n200 failed ran\npaid: 700\n"],
  [
    "exercises",
    "1. Each is sent twice.\n   POST made 2 orders, PUT made 1 user.\n" +
      "2. A POST with a key is sent twice, and then another one with the same key.\n" +
      "   coffee: 201, replayed: false\n   coffee: 201, replayed: true\n   tea: 422, replayed: false\n" +
      "3. The waits before retries 1 to 4, in seconds.\n   1, 2, 4, 8\n",
  ],
  ["no-effect", "503 <1 to 3>\n201 -\n"],
  ["reconcile", "500\n409 <1 to 3>\n"],
  ["steps", "402\n500\n201\norders: 1, charges: 1, mails: 1\n"],
  ["scope", '201 {"for":"ann"} first\n201 {"for":"ann"} true\n201 {"for":"bob"} first\n401 Who are you? first\n'],
  ["seal", '{"diagnosis":"hay fever"}\nreadable in the database: false\n'],
] as const)("examples/guides/%s.ts runs as it stands there", async ([guide, printed]) => {
  // A `Retry-After` of ours is 1, 2 or 3, by chance.
  const output = await text(start(guide).stdout);
  expect(output.replaceAll(/^(503|409) [123]$/gm, "$1 <1 to 3>")).toBe(printed);
});

test("examples/guides/serve-options.ts answers, says its policy, and ends in good order", async () => {
  const port = await serverPort();
  const child = start("serve-options", { PORT: String(port) });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  const url = `http://127.0.0.1:${port}`;
  const order = { method: "POST", headers: { "x-account": "acme", "idempotency-key": "order-7" }, body: "tea" };
  for (const replayed of [null, "true"]) {
    const response = await fetch(`${url}/orders`, order);
    expect([response.status, await response.text()]).toEqual([201, '{"order":"tea"}']);
    expect(response.headers.get("idempotent-replayed")).toBe(replayed);
    expect(response.headers.get("idempotency-key-policy")).toBe("required, retention=604800, key-length=255");
  }
  const policies: unknown = await (await fetch(`${url}/.well-known/idempotency-key`)).json();
  expect(policies).toMatchObject({ "/orders": { methods: ["POST", "PATCH", "DELETE"], retentionSeconds: 604_800 } });
  // A connection that never brings a request must not hold it open.
  const silent = connect(port, "127.0.0.1");
  await once(silent, "connect");
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  silent.destroy();
});

test("examples/guides/serve-acp.ts fails no case of its profile", async () => {
  const port = await serverPort();
  await once(start("serve-acp", { PORT: String(port) }).stdout, "data");
  const origin = `http://127.0.0.1:${port}`;
  const { cases } = await verify({
    profile: "acp",
    url: `${origin}/checkout_sessions`,
    otherUrl: `${origin}/checkout_sessions/7`,
    headers: [["x-account", "acme"]],
    otherHeaders: [["x-account", "other"]],
    failingBody: "no JSON",
    effects: { url: `${origin}/total` },
    strictness: "draft",
    pauseMs: 0,
  });
  expect(cases.filter(({ kind }) => kind === "fail" || kind === "warn")).toEqual([]);
});

describeWithServer("examples/guides on PostgreSQL", postgresBinary, () => {
  test("transaction-postgres charges once for a request that is sent twice", async () => {
    await using server = await startPostgres();
    const printed = await text(start("transaction-postgres", { DATABASE_URL: server.url }).stdout);
    expect(printed).toBe('201 {"charge":1} first\n201 {"charge":1} true\n');
  });

  test("transaction-orms pays once by each library, and once-within ships once", async () => {
    await using server = await startPostgres();
    const paid = await text(start("transaction-orms", { DATABASE_URL: server.url }).stdout);
    const libraries = ["Drizzle", "Kysely", "Knex"];
    const twice = libraries.map((library) => `${library} 201 first\n${library} 201 true\n`).join("");
    expect(paid).toBe(`${twice}paid: ${libraries.join(", ")}\n`);
    const shipped = await text(start("once-within", { DATABASE_URL: server.url }).stdout);
    const consumers = ["pg", "postgres", "Kysely", "Drizzle", "Knex"];
    expect(shipped).toBe(`${consumers.map((name) => `${name} executed done\n`).join("")}shipments: 5\n`);
  });
});
