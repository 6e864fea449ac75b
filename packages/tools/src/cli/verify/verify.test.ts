import { expect, test } from "vitest";
import { runCli } from "../../../../../test/support/cli.ts";
import { startHttpServer } from "../../../../../test/support/http-server.ts";

const nowhere = "http://127.0.0.1:1/orders";

test("--dry-run prints what would be sent, without secrets, and sends nothing", async () => {
  let requests = 0;
  const url = await startHttpServer((_, response) => void response.end(String((requests += 1))));
  const flags = ["-H", "Authorization: Bearer s3cret", "-d", '{"item":"{{unique}}"}', "--only", "K16,C01"];
  const { code, stdout } = await runCli(["verify", `${url}/orders`, "--dry-run", ...flags]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/K16 .*\n {4}POST \/orders\n[^]*Idempotency-Key: [^]*Idempotency-Key: /);
  expect(stdout).toContain("  at once:\n    POST /orders  (10 times)\n");
  expect(stdout).toMatch(/Nothing was sent\.\n$/);
  expect(stdout).not.toMatch(/s3cret|\{\{unique/);
  expect(requests).toBe(0);
});

test("--dry-run shows every case, as far as the options go", async () => {
  const { code, stdout } = await runCli(["verify", nowhere, "--dry-run", "--json", "--restart", "exit 1"]);
  const plan = JSON.parse(stdout) as { id: string; missing?: string; sendings: unknown[] }[];
  expect(code).toBe(0);
  expect(plan.filter(({ sendings, missing }) => sendings.length === 0 && missing === undefined)).toEqual([]);
  expect(plan.find(({ id }) => id === "S01")).toMatchObject({ missing: "needs a second principal's headers" });
});

test.for<[flags: string[], problem: string]>([
  [[nowhere], "no connection: ECONNREFUSED"],
  [["ftp://127.0.0.1/"], "url must be an http: or https: URL"],
  [["http://user:s3cret@127.0.0.1/"], "url must be a URL without user and password"],
  [[nowhere, "--only", "Z9"], "only must be ids of cases"],
  [[nowhere, "-H", "nonsense"], 'must be "Name: value"'],
  [[nowhere, "-H", "a: \u0001"], "can't be sent as an HTTP header"],
  [[nowhere, "-d", "@/nowhere.json"], "can't be read"],
  [[nowhere, "-X", "P OST"], "method must be a token"],
  [[nowhere, "--timeout", "1"], "from 100 to 600000"],
  [[nowhere, "--json", "--tap"], "cannot be used with"],
  [[nowhere, "--strictness", "lax"], "draft, practice"],
  [[nowhere, "--memory", "-1"], "from 0 to 100000"],
  [
    [nowhere, "-H", "x-account: acme", "--longer-header", "x-account: shop"],
    "must begin with the first principal's value",
  ],
  [[nowhere, "--longer-header", "x-account: acme1"], "must begin with the first principal's value"],
  [[nowhere, "--restart", " "], "restart must be a command for the shell"],
  [[], "missing required argument"],
])("%s is wrong usage", async ([flags, problem]) => {
  const { code, stdout, stderr } = await runCli(["verify", ...flags]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(problem);
  expect(stderr).not.toContain("s3cret");
});

test("a server that refuses a plain operation, or counts wrongly, can't be judged", async () => {
  const refusing = await startHttpServer((_, response) => void response.writeHead(401).end("who are you?"));
  const refused = await runCli(["verify", refusing]);
  expect(refused.stderr).toContain("is answered with 401 who are you?");
  const counting = await startHttpServer((_, response) => void response.end("7"));
  const miscounted = await runCli(["verify", counting, "--effects", counting]);
  expect(miscounted.stderr).toContain("must raise the count of effects by 1, but it rose by 0");
  expect([refused.code, miscounted.code]).toEqual([2, 2]);
});
