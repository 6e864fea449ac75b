import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { unknownNames } from "./unknown-names.ts";

test("mutants use names that are there: one that throws is noticed, whatever guard it took out", () => {
  const [first] = mutants;
  const forgetful = ["return nothingThere;", "return this.nothingThere;"].map((replace) => ({ ...first!, replace }));
  const found = unknownNames([...mutants, ...forgetful]);
  expect([...found].map(([{ guard, replace }, problem]) => `${guard}: ${replace}: ${problem}`)).toEqual([
    expect.stringContaining("Cannot find name 'nothingThere'"),
    expect.stringContaining("Property 'nothingThere' does not exist"),
  ]);
});
