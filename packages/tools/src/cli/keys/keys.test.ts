import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { runCli } from "../../../../../test/support/cli.ts";
import { answer, bytes, keysFixture, named, sealKey, sealKeyText } from "../../../../../test/support/keys-fixture.ts";
import { interruptedDatabase } from "../../../../../test/support/interrupted-database.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { encodeResponse } from "once-again/http";
import { sealedStore } from "once-again/stores";
import { sqliteStore } from "once-again/stores/sqlite";
import { exitCodes } from "once-again/internal/command";

const ground = keysFixture();
const { claim, abandoned, done, keys, keysDocument } = ground;

describe("list", () => {
  test("shows each key in a line: state, age, attempt, lease, expiry, and its whole name", async () => {
    await claim("order-1");
    await abandoned("order-2");
    await done("order-3");
    const { code, stdout, stderr } = await keys("list");
    expect(stdout.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^STATE +AGE +ATTEMPT +LEASE +EXPIRES +SCOPE +KEY$/),
      expect.stringMatching(/^running +\ds +1 +9m \d+s left +never +acme +order-1$/),
      expect.stringMatching(/^held +\ds +1 +over \ds +never +acme +order-2$/),
      expect.stringMatching(/^done +\ds +1 +- +in (10m|9m \d+s) +acme +order-3$/),
    ]);
    expect({ code, stderr }).toEqual({ code: exitCodes.fine, stderr: "" });
  });

  test("finds keys by a part of their label, or of their route, in whatever case and however many others there are", async () => {
    for (let other = 0; other < 1100; other += 1) await done(`other-${String(other).padStart(4, "0")}`);
    await ground.abandonedWith("order-1", { label: "order 4711, 80.00 EUR", route: "POST /orders" });
    await ground.abandonedWith("order-2", { label: "order 4712, 80.00 EUR" });
    await ground.abandonedWith("order-3", { route: "POST /refunds" });
    await ground.abandonedWith("order-4", { label: "order 4711" }, sealedStore(ground.store(), [sealKey]));
    const found = async (...flags: string[]) => {
      const { stdout } = await keys("list", "--json", ...flags);
      const { keys: list, next } = JSON.parse(stdout) as { keys: { key: string }[]; next: { key: string } | null };
      return [list.map(({ key }) => key), next?.key];
    };
    expect(await found("--label", "ORDER 4711")).toEqual([["order-1"], undefined]);
    expect(await found("--label", "refunds")).toEqual([["order-3"], undefined]);
    expect(await found("--label", "80.00", "--limit", "1")).toEqual([["order-1"], "order-1"]);
    expect(await found("--label", "80.00", "--after", '["acme","order-1"]')).toEqual([["order-2"], undefined]);
    expect(await found("--label", "order 9")).toEqual([[], undefined]);
  });

  test("finds keys that were claimed before the store's clock was set back, which their repeats wait for", async () => {
    for (let other = 0; other < 1100; other += 1) await done(`other-${String(other).padStart(4, "0")}`);
    const store = sqliteStore({ path: ground.path(), clock: fakeClock(Date.now() + 600_000) });
    await store.claim({ ...named("order-1"), fingerprint: "f", owner: "o", leaseMs: 30_000, retentionMs: 60_000 });
    await store.close();
    await claim("order-2");
    const { stdout } = await keys("list", "--odd", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ keys: [{ key: "order-1", state: "running" }], next: null });
    const [{ aheadMs } = { aheadMs: 0 }] = (JSON.parse(stdout) as { keys: { aheadMs: number }[] }).keys;
    expect(aheadMs).toBeGreaterThan(590_000);
    expect((await keys("list", "--odd")).stdout).toMatch(/^running +ahead 9m \d+s +1 +10m \d*s? ?left/m);
    expect((await keys("show", "acme", "order-1")).stdout).toMatch(/^clock +it was 9m \d+s ahead or more/m);
    expect((await keys("show", "acme", "order-2")).stdout).not.toMatch(/^clock/m);
    expect((await keys("list", "--odd", "--state", "released")).code).not.toBe(exitCodes.fine);
  });

  test("shows what a key's request was and why it is held, where that is stored", async () => {
    const label = "order 7, \u001b[2J25.00 EUR";
    await ground.abandonedWith("order-1", {
      label,
      route: "POST /orders",
      worker: "shop-1/17",
      traceId: "a".repeat(32),
    });
    await ground.abandonedWith("order-2", { route: "POST /refunds", reason: "time-out" });
    await done("order-3");
    const { stdout } = await keys("list");
    expect(stdout.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^STATE +AGE +ATTEMPT +LEASE +EXPIRES +REASON +REQUEST +SCOPE +KEY$/),
      expect.stringMatching(/^held .* crash +order 7, \\u\{1b\}\[2J25\.00 EUR +acme +order-1$/),
      expect.stringMatching(/^held .* time-out +POST \/refunds +acme +order-2$/),
      expect.stringMatching(/^done .* - +- +acme +order-3$/),
    ]);
    const shown = await keys("show", "acme", "order-1");
    expect(shown.stdout).toMatch(
      /^label +order 7, \\u\{1b\}.*\nroute +POST \/orders\nworker +shop-1\/17\ntrace +a{32}\nreason +Its process ended/m,
    );
    const { document } = await keysDocument("show", "acme", "order-2");
    expect(document).toMatchObject({
      details: {
        label: null,
        route: "POST /refunds",
        worker: null,
        traceId: null,
        reason: "time-out",
        sealedWith: null,
      },
      heldReason: "Its handler took longer than limits.handlerMsMax.",
    });
  });

  test("details that are sealed are shown as sealed, unless their key is given", async () => {
    await ground.abandonedWith("order-1", { label: "order 7" }, sealedStore(ground.store(), [sealKey]));
    expect((await keys("list")).stdout).toMatch(/held .* sealed +sealed with the key "k1" +acme +order-1$/m);
    expect((await keys("show", "acme", "order-1")).stdout).toMatch(/^details +sealed with the key "k1": --seal-key/m);
    const opened = await keys("show", "acme", "order-1", "--seal-key", sealKeyText);
    expect(opened.stdout).toMatch(/^label +order 7\nreason +Its process ended/m);
  });

  test("filters by scope and state, and goes on where a page ended", async () => {
    await abandoned("order-1");
    await abandoned("order-2");
    await claim("order-3");
    await abandoned("order-4", "o'hara");
    const filter = ["--state", "held", "--scope", "acme", "--limit", "1", "--order", "name"];
    const first = await keysDocument("list", ...filter);
    expect(first.document).toMatchObject({
      keys: [{ scope: "acme", key: "order-1", state: "held", attempt: 1, stepCount: 0, resultBytes: null }],
      next: { scope: "acme", key: "order-1" },
    });
    const second = await keysDocument("list", ...filter, "--after", '["acme","order-1"]');
    expect(second.document).toMatchObject({ keys: [{ key: "order-2" }], next: { key: "order-2" } });
    const third = await keysDocument("list", ...filter, "--after", '["acme","order-2"]');
    expect(third.document).toEqual({ keys: [], next: null });
    const { stdout } = await keys("list", "--scope", "o'hara", "--limit", "1");
    expect(stdout).toContain(`There may be more: --after '["o'\\''hara","order-4"]'\n`);
  });

  test("shows held keys by age, and goes on where a page ended", async () => {
    await abandoned("order-2");
    await sleep(5);
    await abandoned("order-1", "o'hara");
    const first = await keys("list", "--state", "held", "--limit", "1");
    expect(first.stdout).toMatch(/order-2$/m);
    const [, after] = /--after '(.*)'$/m.exec(first.stdout) ?? [];
    const second = await keys("list", "--state", "held", "--limit", "1", "--after", after!);
    expect(second.stdout).toMatch(/o'hara +order-1$/m);
    const named = await keys("list", "--state", "held", "--after", '["acme","order-2"]');
    expect(named).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining("leaseUntil") as string });
  });

  test("finds a key in whatever scope, and scopes by how they begin", async () => {
    await abandoned("order-1", "tenant-1");
    await abandoned("order-1", "tenant-2");
    await claim("order-2", "other");
    expect((await keysDocument("list", "--key", "order-1")).document).toMatchObject({
      keys: [{ scope: "tenant-1" }, { scope: "tenant-2" }],
    });
    expect((await keysDocument("list", "--scope-prefix", "oth")).document).toMatchObject({
      keys: [{ key: "order-2" }],
    });
    // `show` needs no scope where one key alone has the name.
    expect((await keys("show", "order-2")).stdout).toMatch(/^scope +other$/m);
    const two = await keys("show", "order-1");
    expect(two).toMatchObject({ code: exitCodes.bad, stderr: expect.stringContaining("2 scopes") as string });
    expect(two.stdout).toMatch(/tenant-1 +order-1\n.*tenant-2 +order-1$/m);
    expect((await keys("show", "order-9")).code).toBe(exitCodes.bad);
  });

  test("an empty store has no such keys, and that is fine", async () => {
    expect(await keys("list")).toEqual({ code: exitCodes.fine, stdout: "No such keys.\n", stderr: "" });
  });

  test("a scope can't move the cursor", async () => {
    await claim("order-1", "\u001b[2Jevil\u202e\n");
    const { stdout } = await keys("list");
    expect(stdout).toContain(String.raw`\u{1b}[2Jevil\u{202e}\u{a}`);
    expect(stdout).not.toContain("\u001b");
  });
});

describe("show", () => {
  test("shows the stored answer, its headers and its body", async () => {
    await done("order-1", encodeResponse({ status: 201, headers: [["location", "/7"]], body: bytes('{"order":7}\n') }));
    const { code, stdout } = await keys("show", "acme", "order-1");
    expect(stdout).toMatch(/^state +done: its result is stored$/m);
    expect(stdout).toMatch(/^result +HTTP 201, 12 bytes\n {2}location: \/7\n {2}\{"order":7\}$/m);
    expect(code).toBe(exitCodes.fine);
  });

  test("--json has everything, binary as Base64", async () => {
    await done("order-1");
    const { code, document } = await keysDocument("show", "acme", "order-1");
    expect(document).toEqual({
      scope: "acme",
      key: "order-1",
      state: "done",
      attempt: 1,
      fence: expect.any(Number),
      fingerprint: "f",
      owner: "worker",
      createdAt: expect.stringMatching(/Z$/),
      leaseUntil: expect.stringMatching(/Z$/),
      expiresAt: expect.stringMatching(/Z$/),
      settledAt: null,
      details: null,
      aheadMs: null,
      heldReason: null,
      stepCount: 0,
      steps: [],
      settled: null,
      releases: [],
      resultBytes: answer.length,
      result: { kind: "answer", status: 201, headers: [["location", "/orders/7"]], bodyBase64: "/wA=" },
    });
    expect(code).toBe(exitCodes.fine);
  });

  test("shows the steps of an operation that stopped in between, in their order", async () => {
    await claim("order-1");
    const step = (place: string, result: string) =>
      ground.store().checkpoint({ ...named("order-1"), step: place, result: bytes(result) });
    await step("2", '{"name":"mail","begun":true}');
    await step("10", '{"name":"last"}');
    await step("1", '{"name":"charge","value":{"id":7}}');
    const { stdout } = await keys("show", "acme", "order-1");
    expect(stdout).toMatch(
      /^step 1 +"charge": done\n {2}\{"id":7\}\nstep 2 +"mail": begun, .*\nstep 10 +"last": done$/m,
    );
    const { document } = await keysDocument("show", "acme", "order-1");
    expect(document).toMatchObject({
      steps: [
        { place: "1", kind: "step", name: "charge", value: { id: 7 } },
        { place: "2", kind: "step", name: "mail", begun: true },
        { place: "10", kind: "step", name: "last" },
      ],
    });
  });

  test("a long or binary body is not thrown at the terminal", async () => {
    await done("order-1", encodeResponse({ status: 200, headers: [], body: bytes("é".repeat(3000)) }));
    expect((await keys("show", "acme", "order-1")).stdout).toContain("… and 3952 more bytes: --json has them");
    await done("order-2");
    expect((await keys("show", "acme", "order-2")).stdout).toContain("(not text) /wA=");
    await done("order-3", bytes("of another transport"));
    expect((await keys("show", "acme", "order-3")).stdout).toMatch(/^result +20 bytes\n {2}of another transport$/m);
  });

  test("headers and members that are masked are not shown, in text and in JSON", async () => {
    const headers = [
      ["x-api-key", "sk_live_1"],
      ["x-secret", "sk_live_2"],
    ] as const;
    await done("order-1", encodeResponse({ status: 201, headers, body: Buffer.from('{"pan":"4111"}') }));
    const show = async (...mask: string[]) => (await keys("show", "acme", "order-1", ...mask)).stdout;
    const byDefault = await show();
    expect(byDefault).toMatch(/x-api-key: \(masked\)\n +x-secret: sk_live_2\n +\{"pan":"4111"\}/);
    const more = await show("--mask", "X-Secret", "--mask", "pan");
    expect(more).toMatch(/x-api-key: \(masked\)\n +x-secret: \(masked\)\n +\{"pan":"\(masked\)"\}/);
    expect(await show("--mask", "none")).toContain("x-api-key: sk_live_1");
    const { document } = await keysDocument("show", "acme", "order-1", "--mask", "pan");
    expect(document).toMatchObject({ result: { bodyBase64: btoa('{"pan":"(masked)"}') } });
  });

  test("a sealed answer is shown as sealed, unless its key is given, by itself or in a file", async () => {
    await done("order-1", answer, sealedStore(ground.store(), [sealKey]));
    const sealed = await keys("show", "acme", "order-1");
    expect(sealed.stdout).toMatch(/^result +sealed with the key "k1": --seal-key opens it$/m);
    expect(sealed.code).toBe(exitCodes.fine);
    const file = join(temporaryFolder(), "seal-keys");
    writeFileSync(file, `k0:${"00".repeat(16)}\n${sealKeyText}\n`);
    for (const given of [sealKeyText, `@${file}`]) {
      const { document } = await keysDocument("show", "acme", "order-1", "--seal-key", given);
      expect(document).toMatchObject({ result: { kind: "answer", status: 201, bodyBase64: "/wA=" } });
    }
    const wrong = await keysDocument("show", "acme", "order-1", "--seal-key", `k1:${"00".repeat(32)}`);
    expect(wrong.document).toMatchObject({ result: { kind: "broken", code: "ONCE_SEAL_BROKEN" } });
  });

  test("a stored answer that no route would send is shown as broken, with the reason", async () => {
    await done("order-1", bytes('{"status":101,"headers":[]}\n'));
    expect((await keys("show", "acme", "order-1")).stdout).toMatch(/^result +ONCE_RECORD_BROKEN: its status is 101/m);
    const { document } = await keysDocument("show", "acme", "order-1");
    expect(document).toMatchObject({ result: { kind: "broken", code: "ONCE_RECORD_BROKEN" } });
  });

  test("a key that is not there is a bad answer", async () => {
    const { code, stdout, stderr } = await keys("show", "acme", "order-9");
    expect({ code, stdout }).toEqual({ code: exitCodes.bad, stdout: "" });
    expect(stderr).toContain("acme order-9: There is no such key");
    const { document } = await keysDocument("show", "acme", "order-9");
    expect(document).toEqual({ scope: "acme", key: "order-9", state: "absent" });
  });
});

describe("wrong usage", () => {
  test.for<[args: string[], problem: string]>([
    [["list", "--limit", "1001"], "from 1 to 1000"],
    [["list", "--state", "lost"], "choices"],
    [["list", "--after", "order-1"], "JSON array"],
    [["show"], "missing required argument 'scope'"],
    [["resolve", "acme", "order-1"], "--reason"],
    [["resolve", "acme", "order-1", "--reason", "seen"], "--status"],
    [["resolve", "acme", "order-1", "--status", "199"], "from 200 to 599"],
    [["resolve", "acme", "order-1", "--status", "200", "--header", "no colon"], "name: value"],
    [["resolve", "acme", "order-1", "--status", "200", "--header", "a: b\nc: d"], "name: value"],
    [["resolve", "acme", "order-1", "--status", "200", "--body", "@/nowhere"], "can't be read"],
    [["purge", "--batch", "0"], "from 1 to"],
  ])("%j", async ([args, problem]) => {
    const { code, stdout, stderr } = await keys(...args);
    expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: "" });
    expect(stderr).toContain(problem);
  });

  test("a secret that can't be read as a seal key is not shown", async () => {
    await claim("order-1");
    const { code, stderr } = await keys("show", "acme", "order-1", "--seal-key", "k1:feedbeef");
    expect({ code, stderr }).toEqual({ code: exitCodes.usage, stderr: expect.stringContaining("must be ID:HEX") });
    expect(stderr).not.toContain("feedbeef");
  });
});

test("a store that does not exist is neither made nor changed", async () => {
  const missing = join(temporaryFolder(), "missing.db");
  const absent = await runCli(["keys", "list", "--store", `sqlite:${missing}`]);
  expect(absent).toMatchObject({
    code: exitCodes.usage,
    stdout: "",
    stderr: expect.stringContaining("There is no file"),
  });
  expect(existsSync(missing)).toBe(false);

  const other = join(temporaryFolder(), "other.db");
  const database = new DatabaseSync(other);
  database.exec("CREATE TABLE mine (id INTEGER)");
  const wrong = await runCli(["keys", "list"], { ONCE_AGAIN_STORE: `sqlite:${other}` });
  expect(wrong).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining("holds no keys") });
  expect(database.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "mine" }]);
  database.close();
});

test("a file is put in order and read after its writer was killed in a transaction", async () => {
  const path = join(temporaryFolder(), "interrupted.db");
  const store = sqliteStore({ path: ":memory:" });
  interruptedDatabase(path, store.schemaSql);
  await store.close();
  const listed = await runCli(["keys", "list", "--store", `sqlite:${path}`]);
  expect(listed).toEqual({ code: exitCodes.fine, stdout: "No such keys.\n", stderr: "" });
});

test.for(["list", "show", "resolve", "release", "purge"])(
  "keys %s --help has an example and the exit codes",
  async (command) => {
    const { code, stdout } = await runCli(["keys", command, "--help"]);
    expect(stdout).toMatch(new RegExp(`^Example:\n {2}\\$ once-again keys ${command} --store sqlite:keys.db`, "m"));
    expect(stdout).toContain("Exit codes: 0 ");
    expect(code).toBe(exitCodes.fine);
  },
);
