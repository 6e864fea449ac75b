import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { userInfo } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { runOnTerminal } from "../../../../../test/support/cli.ts";
import { scriptBinary } from "../../../../../test/support/terminal.ts";
import { answer, keysFixture, named, sealKey, sealKeyText } from "../../../../../test/support/keys-fixture.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { decodeResponse } from "once-again/http";
import { sealedStore, type Store } from "once-again/stores";
import { settleKey } from "../../admin/settle.ts";
import { exitCodes } from "once-again/internal/command";

const isoTime = expect.stringMatching(/^20\d\d-.*Z$/);
const ground = keysFixture();
const { claim, abandoned, done, keys, keysDocument } = ground;

/** A file that holds these bytes. */
function fileOf(content: Uint8Array): string {
  const path = join(temporaryFolder(), "body");
  writeFileSync(path, content);
  return path;
}

describe("resolve and release", () => {
  const why = ["--by", "alice", "--reason", "the bank has it"] as const;
  const release = ["release", "acme", "order-1", "--yes", ...why] as const;
  const bare = ["resolve", "acme", "order-1", "--status", "201", "--yes"] as const;
  const resolve = [...bare, ...why, "--body", "{}"] as const;

  test("resolve keeps the given answer, release makes the key free", async () => {
    await abandoned("order-1");
    await abandoned("order-2");
    const file = fileOf(Uint8Array.of(0, 255));
    const type = ["--header", "Content-Type: application/octet-stream"];
    const given = ["--header", "Location: /orders/7", "--header", "x-a:  b", ...type, "--body", `@${file}`];
    const resolved = await keysDocument(...bare, ...why, ...given);
    const name = { scope: "acme", key: "order-1" };
    const change = { at: isoTime, by: "alice", did: "resolved", ...name, reason: "the bank has it" };
    expect(resolved).toEqual({ code: 0, document: { ...name, settledAs: "done", changes: [change] } });
    const found = await ground.store().inspect(named("order-1"));
    expect(decodeResponse(found!.record.result!)).toEqual({
      status: 201,
      headers: [
        ["Location", "/orders/7"],
        ["x-a", "b"],
        ["Content-Type", "application/octet-stream"],
      ],
      body: Uint8Array.of(0, 255),
    });
    const released = await keys("release", "acme", "order-2", "--yes", ...why);
    expect(released).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^20\S+Z alice released acme order-2: the bank has it\nSettled: the next repeat runs it again\.\n$/,
      ),
      stderr: "",
    });
    expect(await ground.store().inspect(named("order-2"))).toBeUndefined();
  });

  test("who released a key, when and why is stored, also when the key is used again, and no list of keys shows it", async () => {
    await ground.abandonedWith("order-1", { label: "order 7, 80 EUR" });
    await keys(...release);
    const gone = await keys("show", "acme", "order-1");
    expect(gone.code).toBe(exitCodes.bad);
    expect(gone.stdout).toMatch(/^released +\S+Z \(\d+s ago\) by alice: the bank has it$/m);
    const said = { scope: "acme", key: "order-1", attempt: 1, author: "alice", reason: "the bank has it" };
    const stored = { ...said, label: "order 7, 80 EUR", releasedAt: isoTime, isKnown: true };
    expect((await keysDocument("show", "acme", "order-1")).document).toEqual({
      ...{ scope: "acme", key: "order-1", state: "absent" },
      releases: [stored],
    });
    await done("order-1");
    expect((await keysDocument("show", "acme", "order-1")).document).toMatchObject({
      state: "done",
      releases: [stored],
    });
    expect((await keys("show", "acme", "order-1")).stdout).toMatch(/^released +\S+Z .* by alice: the bank has it$/m);
    await abandoned("order-2");
    await keys("release", "acme", "order-2", "--yes", "--by", "bob", "--reason", "twice \u001b[1m");
    const list = await keys("list", "--state", "released");
    expect(list.stdout).toMatch(
      /^RELEASED +BY +REQUEST +REASON +SCOPE +KEY\n.* bob .*twice \\u\{1b\}.* order-2\n.* alice .*order 7, 80 EUR/,
    );
    expect(list.stdout).not.toContain("\u001b[1m");
    expect((await keysDocument("list", "--state", "released", "--scope", "beta")).document).toEqual({ releases: [] });
    expect((await keysDocument("list")).document).toMatchObject({ keys: [{ key: "order-1" }], next: null });
    expect((await keysDocument("list", "--limit", "1")).document).toMatchObject({ keys: [{ key: "order-1" }] });
    const wrong = await keys("list", "--state", "released", "--key", "order-1");
    expect(wrong).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining("--limit alone") });
  });

  test("a key that was released again and again has each release", async () => {
    for (let times = 1; times <= 10; times += 1) {
      await abandoned("order-1");
      await keys("release", "acme", "order-1", "--yes", "--by", "alice", "--reason", `time ${times}`);
    }
    const { document } = await keysDocument("list", "--state", "released");
    expect((document as { releases: unknown[] }).releases).toHaveLength(10);
    expect((await keysDocument("show", "acme", "order-1")).document).toMatchObject({ releases: { length: 8 } });
  });

  test("a key that another has settled meanwhile has no release", async () => {
    await abandoned("order-1");
    const store = ground.store();
    const late: Store = { ...store, resolve: async () => false };
    const note = { author: "alice", reason: "late" };
    expect(await settleKey(late, { ...named("order-1"), attempt: 1 }, { as: "not-executed", note })).toBe("held");
    expect(await store.list({})).toHaveLength(1);
  });

  test("a command that dies while it releases leaves that it is unknown", async () => {
    await abandoned("order-1");
    const store = ground.store();
    const dying: Store = {
      ...store,
      resolve: async (request) => {
        await store.resolve(request);
        throw new Error("It dies here.");
      },
    };
    const note = { author: "alice", reason: "INC-12" };
    const released = settleKey(dying, { ...named("order-1"), attempt: 1 }, { as: "not-executed", note });
    await expect(released).rejects.toThrow("It dies here.");
    const { document } = await keysDocument("list", "--state", "released");
    expect(document).toMatchObject({ releases: [{ key: "order-1", author: "alice", isKnown: false }] });
    // It is no held key, and raises no alert.
    expect(await store.countHeld?.()).toMatchObject({ keys: 0 });
  });

  test.for([["running"], ["done"], ["absent"]])("a key that is %s is not settled", async ([state]) => {
    if (state !== "absent") await claim("order-1");
    if (state === "done") await done("order-1");
    const before = await ground.store().inspect(named("order-1"));
    for (const command of [resolve, release]) {
      const { code, document } = await keysDocument(...command);
      expect({ code, document }).toEqual({ code: exitCodes.bad, document: { scope: "acme", key: "order-1", state } });
    }
    expect(await ground.store().inspect(named("order-1"))).toEqual(before);
  });

  test("without a terminal and without --yes nothing is changed", async () => {
    await abandoned("order-1");
    const { code, stdout, stderr } = await keys("release", "acme", "order-1", ...why);
    expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: "" });
    expect(stderr).toContain("--yes");
    expect(await ground.store().inspect(named("order-1"))).toMatchObject({ state: "abandoned" });
  });

  test("where results are sealed, an answer must be sealed too", async () => {
    const sealed = sealedStore(ground.store(), [sealKey]);
    await done("order-0", answer, sealed);
    await abandoned("order-1");
    const refused = await keys(...resolve);
    expect(refused).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining('key "k1": give it') });
    expect((await keys(...resolve, "--seal-key", sealKeyText)).code).toBe(exitCodes.fine);
    const found = await sealed.inspect(named("order-1"));
    expect(decodeResponse(found!.record.result!).status).toBe(201);
    const shown = await keys("show", "acme", "order-1", "--seal-key", sealKeyText);
    expect(shown.stdout).toMatch(/^settled +\S+Z .* by alice: the bank has it$/m);
    const unopened = await keys("show", "acme", "order-1");
    expect(unopened.stdout).toMatch(/^settled +\S+Z .*by whom is sealed with the key "k1"$/m);
    expect(unopened.stdout).not.toContain("alice");
  });

  test("an answer without a body, or one that is not what its type says, is not stored by mistake", async () => {
    await abandoned("order-1");
    const json = ["--header", "content-type: application/json; charset=utf-8"];
    const text = ["--header", "content-type: text/plain"];
    for (const [given, said] of [
      [[], "no body"],
      [json, "--empty"],
      [["--body", ""], "no body"],
      [["--body", "made"], "no JSON, and nothing says what else"],
      [[...json, "--body", "{"], "no JSON, as its content type"],
      [["--header", "content-type: application/problem+json", "--body", "x"], "no JSON"],
      [[...text, "--body", `@${fileOf(Uint8Array.of(0xff))}`], "no text in UTF-8"],
      [["--body", "{}", "--empty"], "can't be empty as well"],
      [["--status", "204", "--body", "{}"], "status 204 has no body"],
    ] as const) {
      const { code, stderr } = await keys(...bare, ...why, ...given);
      expect({ given, code, stderr }).toEqual({
        ...{ given, code: exitCodes.usage },
        stderr: expect.stringContaining(said),
      });
    }
    expect((await ground.store().inspect(named("order-1")))?.state).toBe("abandoned");
  });

  test.for([
    ["no body, where that is said", ["--empty"]],
    ["no body, where its status has none", ["--status", "204"]],
    ["text, where that is said", ["--header", "content-type: text/plain", "--body", "made"]],
    ["JSON without a type, as a function's result is", ["--body", '"r_1"']],
  ] as const)("an answer may be %s", async ([, given]) => {
    await abandoned("order-1");
    expect((await keys(...bare, ...why, ...given)).code).toBe(exitCodes.fine);
  });

  test("who settled a key, when and why is stored and shown; without a reason nothing is settled", async () => {
    await abandoned("order-1");
    for (const command of [
      [...bare, "--empty"],
      ["release", "acme", "order-1", "--yes"],
    ]) {
      const refused = await keys(...command);
      expect(refused).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining("--reason") });
      const vague = await keys(...command, "--reason", " ");
      expect(vague).toMatchObject({ code: exitCodes.usage, stderr: expect.stringContaining("1 to 1000") });
    }
    expect((await keys(...bare, "--empty", "--reason", "seen \u001b[1m")).code).toBe(exitCodes.fine);
    const { document } = await keysDocument("show", "acme", "order-1");
    const author = userInfo().username;
    expect(document).toMatchObject({
      settledAt: expect.stringMatching(/Z$/),
      settled: { author, reason: "seen \u001b[1m", sealedWith: null },
    });
    const { stdout } = await keys("show", "acme", "order-1");
    expect(stdout).toMatch(new RegExp(`^settled +\\S+Z .* by ${author}: seen `, "m"));
    expect(stdout).not.toContain("\u001b[1m");
    const listed = await keysDocument("list");
    expect(listed.document).toMatchObject({ keys: [{ key: "order-1", settledAt: expect.stringMatching(/Z$/) }] });
  });

  describeWithServer("on a terminal", scriptBinary, () => {
    test.for([
      ["y\n", undefined],
      ["n\n", "abandoned"],
      ["\n", "abandoned"],
      ["\u0003", "abandoned"],
    ])("it asks first, and %j settles or not", async ([input, state]) => {
      await abandoned("order-1");
      const printed = await runOnTerminal(
        ["keys", "release", "--store", `sqlite:${ground.path()}`, "acme", "order-1", "--reason", "seen"],
        input!,
      );
      expect(printed).toMatch(/held.*order-1/);
      expect(printed).toContain("Settle it as not executed?");
      expect(printed).toContain(state === undefined ? "Settled:" : "Nothing was changed.");
      expect((await ground.store().inspect(named("order-1")))?.state).toBe(state);
    });
  });
});

describe("purge", () => {
  test("with --scope removes what is expired of that scope alone", async () => {
    for (const scope of ["acme", "other"]) {
      const name = { ...named("old"), scope };
      await ground.store().claim({ ...name, fingerprint: "f", leaseMs: 1000, retentionMs: 1001 });
      await ground.store().complete({ ...name, result: answer, retentionMs: 1 });
    }
    await expect.poll(() => ground.store().list({})).toHaveLength(0);
    const purge = ["purge", "--scope", "other"] as const;
    expect(await keysDocument(...purge)).toEqual({ code: 0, document: { removed: 1 } });
    expect(await keysDocument(...purge)).toEqual({ code: 0, document: { removed: 0 } });
    expect(await keysDocument("purge")).toEqual({ code: 0, document: { removed: 1 } });
  });

  test("removes what is expired, in batches, and nothing else", async () => {
    for (let index = 0; index < 7; index += 1) {
      const name = named(`old-${index}`);
      await ground.store().claim({ ...name, fingerprint: "f", leaseMs: 1000, retentionMs: 1001 });
      await ground.store().complete({ ...name, result: answer, retentionMs: 1 });
    }
    await done("order-1");
    await abandoned("order-2");
    await expect.poll(() => ground.store().list({ scope: "acme" })).toHaveLength(2);
    expect(await keysDocument("purge", "--batch", "3")).toEqual({ code: 0, document: { removed: 7 } });
    expect(await keys("purge")).toEqual({ code: 0, stdout: "0 expired keys removed.\n", stderr: "" });
    const database = new DatabaseSync(ground.path(), { readOnly: true });
    expect(database.prepare("SELECT key FROM once_again_keys").all()).toEqual([{ key: "order-1" }, { key: "order-2" }]);
    database.close();
  });
});
