import { describe, expect, test } from "vitest";
import { keysFixture, named, sealKey, sealKeyText } from "../../../../../test/support/keys-fixture.ts";
import { decodeResponse } from "once-again/http";
import { sealedStore } from "once-again/stores";
import { exitCodes } from "once-again/internal/command";

const ground = keysFixture();
const { claim, abandoned, done, keys, keysDocument } = ground;
const why = ["--by", "alice", "--reason", "INC-12"] as const;

const states = async (): Promise<Record<string, string>> => {
  const found = await ground.store().list({ limit: 1000 });
  return Object.fromEntries(found.map(({ scope, key, state }) => [`${scope} ${key}`, state]));
};

describe("settling all held keys", () => {
  test("one command releases more held keys than a page of them, and nothing else", async () => {
    await claim("runs");
    await done("is-done");
    for (let index = 0; index < 1050; index += 1) await abandoned(`order-${index}`);
    const { code, document } = await keysDocument("release", "--held", "--yes", ...why);
    const said = { settledBy: "alice", reason: "INC-12" };
    expect({ code, document }).toEqual({ code: exitCodes.fine, document: { settled: 1050, left: [], ...said } });
    expect(await states()).toEqual({ "acme runs": "running", "acme is-done": "done" });
  });

  test("only those of a scope, and no more than a limit", async () => {
    for (const scope of ["acme", "beta"]) for (const key of ["1", "2", "3"]) await abandoned(key, scope);
    const released = await keys("release", "--held", "--scope", "beta", "--limit", "2", "--yes", ...why);
    expect(released).toMatchObject({ code: exitCodes.fine, stdout: expect.stringContaining("2 keys settled") });
    expect(Object.keys(await states())).toEqual(["acme 1", "acme 2", "acme 3", "beta 3"]);
  });

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
