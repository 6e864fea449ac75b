import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { runMutants } from "./run-mutants.ts";

test("explorer mutants are killed by name; one that changes nothing survives, as one that breaks the check itself", async () => {
  const chosen = mutants.filter(({ check }) => check.kind === "explorer").slice(0, 2);
  const harmless = { ...chosen[0]!, replace: chosen[0]!.search };
  const stale = { ...chosen[0]!, search: "this text is nowhere" };
  const fatal = { ...chosen[0]!, replace: "no JavaScript" };
  const results = await runMutants([...chosen, harmless, stale, fatal], () => undefined);
  expect(results.map(({ fate }) => fate)).toEqual(["killed", "killed", "survived", "stale", "survived"]);
  expect(results.at(-1)?.broken.join("\n")).toContain("SyntaxError");
});

test("a mutant is stuck when its check never ends, and all that the check started is gone", async () => {
  const chosen = mutants.find(({ check }) => check.kind === "explorer")!;
  const endless = {
    ...chosen,
    file: "test/proof/explorer/main.ts",
    search: "await command(",
    replace: "for (;;);\nawait command(",
  };
  const [result] = await runMutants([endless], () => undefined, { timeoutsMs: 0 });
  expect(result).toMatchObject({ fate: "stuck", broken: [expect.stringContaining("did not end")] });
});
