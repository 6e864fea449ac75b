import { describe, expect, test } from "vitest";
import { endOf, startCli } from "../../../../../test/support/cli.ts";
import { keysFixture, named, sealKey, sealKeyText } from "../../../../../test/support/keys-fixture.ts";
import { decodeResponse } from "once-again/http";
import { sealedStore } from "once-again/stores";
import { exitCodes } from "once-again/internal/command";
import { listKeys } from "../../admin/list.ts";
import type { Change } from "../change-log.ts";

const ground = keysFixture();
const { claim, abandoned, done, keys, keysDocument } = ground;
const why = ["--by", "alice", "--reason", "INC-12"] as const;

const states = async (): Promise<Record<string, string>> => {
  const { records: found } = await listKeys(ground.store(), { limit: 1000 });
  return Object.fromEntries(found.map(({ scope, key, state }) => [`${scope} ${key}`, state]));
};

describe("settling all held keys", () => {
  test("one command releases more held keys than a page of them, and nothing else", async () => {
    await claim("runs");
    await done("is-done");
    for (let index = 0; index < 1050; index += 1) await abandoned(`order-${index}`);
    const { code, document } = await keysDocument("release", "--held", "--yes", ...why);
    const { changes, ...counts } = document as { changes: Change[] };
    expect({ code, counts }).toEqual({
      code: exitCodes.fine,
      counts: { settled: 1050, left: [], isInterrupted: false },
    });
    // Each key is named.
    const released = changes.map(
      ({ by, did, reason, ...change }) => `${by} ${did} ${"key" in change && change.key}: ${reason}`,
    );
    const expected = Array.from({ length: 1050 }, (_, index) => `alice released order-${index}: INC-12`);
    expect(released.toSorted()).toEqual(expected.toSorted());
    expect(await states()).toEqual({ "acme runs": "running", "acme is-done": "done" });
    const { document: stored } = await keysDocument("list", "--state", "released", "--limit", "1000");
    expect((stored as { releases: unknown[] }).releases).toHaveLength(1000);
  });

  test("only those of a scope, and no more than a limit", async () => {
    for (const scope of ["acme", "beta"]) for (const key of ["1", "2", "3"]) await abandoned(key, scope);
    const released = await keys("release", "--held", "--scope", "beta", "--limit", "2", "--yes", ...why);
    expect(released).toMatchObject({
      code: exitCodes.fine,
      stdout: expect.stringMatching(/^(20\S+Z alice released beta [12]: INC-12\n){2}2 keys settled: .*\n$/),
    });
    expect(Object.keys(await states())).toEqual(["acme 1", "acme 2", "acme 3", "beta 3"]);
  });

  test.for([["text"], ["--json"]] as const)(
    "interrupted, a command has named each key that it released: %s",
    async ([how]) => {
      for (let index = 0; index < 300; index += 1) await abandoned(`order-${index}`);
      const json = how === "--json" ? ["--json"] : [];
      const child = startCli([
        "keys",
        "release",
        "--store",
        `sqlite:${ground.path()}`,
        "--held",
        "--yes",
        ...why,
        ...json,
      ]);
      const lines = how === "--json" ? child.stderr : child.stdout;
      lines.once("data", () => child.kill("SIGINT"));
      const { code, stdout, stderr } = await endOf(child);
      const left = Object.keys(await states()).length;
      const named = (how === "--json" ? stderr : stdout).match(/order-\d+/g) ?? [];
      expect(new Set(named).size).toBe(300 - left);
      if (left > 0)
        expect({ code, stderr }).toEqual({ code: exitCodes.bad, stderr: expect.stringContaining("Interrupted:") });
      if (how === "--json") {
        const { changes, isInterrupted } = JSON.parse(stdout) as { changes: Change[]; isInterrupted: boolean };
        expect([changes.length, isInterrupted]).toEqual([300 - left, left > 0]);
      }
    },
  );

  test("resolve gives each the same answer, sealed for itself where results are sealed", async () => {
    const sealed = sealedStore(ground.store(), [sealKey]);
    for (const key of ["1", "2"]) await abandoned(key);
    const args = ["resolve", "--held", "--status", "204", "--seal-key", sealKeyText, "--yes", ...why] as const;
    expect((await keysDocument(...args)).document).toMatchObject({ settled: 2, left: [] });
    for (const key of ["1", "2"]) {
      expect(decodeResponse((await sealed.inspect(named(key)))!.record.result!).status).toBe(204);
    }
  });

  test("where none is held, that is fine and nothing is asked", async () => {
    await done("order-1");
    expect(await keys("release", "--held", ...why)).toEqual({
      code: exitCodes.fine,
      stdout: "No key is held.\n",
      stderr: "",
    });
  });

  test("without a terminal and without --yes nothing is changed", async () => {
    await abandoned("order-1");
    const { code, stderr } = await keys("release", "--held", ...why);
    expect({ code, stderr }).toEqual({ code: exitCodes.usage, stderr: expect.stringContaining("--yes") });
    expect(await states()).toEqual({ "acme order-1": "abandoned" });
  });

  test.for([
    [["release", "--held", "acme", "order-1", "--yes"], "not both"],
    [["release", "--yes"], "--held for all"],
    [["release", "acme", "--yes"], "--held for all"],
    [["release", "acme", "order-1", "--scope", "acme", "--yes"], "--scope goes with --held"],
    [["release", "--held", "--limit", "0", "--yes"], "1 to 1000000"],
  ] as const)("%s is wrong usage", async ([args, message]) => {
    const { code, stderr } = await keys(...args, ...why);
    expect({ code, stderr }).toEqual({ code: exitCodes.usage, stderr: expect.stringContaining(message) });
  });
});
