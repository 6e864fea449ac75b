import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { runOnTerminal, scriptBinary } from "../../../../../test/support/cli.ts";
import { answer, keysFixture, named, sealKey, sealKeyText } from "../../../../../test/support/keys-fixture.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { decodeResponse } from "once-again/http";
import { sealedStore } from "once-again/engine";
import { exitCodes } from "../exit-codes.ts";

const ground = keysFixture();
const { claim, abandoned, done, keys, keysDocument } = ground;

describe("resolve and release", () => {
  const resolve = ["resolve", "acme", "order-1", "--status", "201", "--yes"] as const;

  test("resolve keeps the given answer, release makes the key free", async () => {
    await abandoned("order-1");
    await abandoned("order-2");
    const file = join(temporaryFolder(), "body");
    writeFileSync(file, Uint8Array.of(0, 255));
    const given = ["--header", "Location: /orders/7", "--header", "x-a:  b", "--body", `@${file}`];
    const resolved = await keysDocument(...resolve, ...given);
    expect(resolved).toEqual({ code: 0, document: { scope: "acme", key: "order-1", settledAs: "done" } });
    const found = await ground.store().inspect(named("order-1"));
    expect(decodeResponse(found!.record.result!)).toEqual({
      status: 201,
      headers: [
        ["Location", "/orders/7"],
        ["x-a", "b"],
      ],
      body: Uint8Array.of(0, 255),
    });
    const released = await keys("release", "acme", "order-2", "--yes");
    expect(released).toEqual({ code: 0, stdout: "Settled: the next repeat runs it again.\n", stderr: "" });
    expect(await ground.store().inspect(named("order-2"))).toBeUndefined();
  });

  test.for([["running"], ["done"], ["absent"]])("a key that is %s is not settled", async ([state]) => {
    if (state !== "absent") await claim("order-1");
    if (state === "done") await done("order-1");
    const before = await ground.store().inspect(named("order-1"));
    for (const command of [resolve, ["release", "acme", "order-1", "--yes"] as const]) {
      const { code, document } = await keysDocument(...command);
      expect({ code, document }).toEqual({ code: exitCodes.bad, document: { scope: "acme", key: "order-1", state } });
    }
    expect(await ground.store().inspect(named("order-1"))).toEqual(before);
  });

  test("without a terminal and without --yes nothing is changed", async () => {
    await abandoned("order-1");
    const { code, stdout, stderr } = await keys("release", "acme", "order-1");
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
        ["keys", "release", "--store", `sqlite:${ground.path()}`, "acme", "order-1"],
        input!,
      );
      expect(printed).toMatch(/abandoned.*order-1/);
      expect(printed).toContain("Settle it as not executed?");
      expect(printed).toContain(state === undefined ? "Settled:" : "Nothing was changed.");
      expect((await ground.store().inspect(named("order-1")))?.state).toBe(state);
    });
  });
});

describe("purge", () => {
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
