import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { onceInRun } from "./once-in-run.ts";

test("what several ask for at once is made once, and each has it", async () => {
  let times = 0;
  const make = async (folder: string): Promise<{ files: string[]; times: number }> => {
    await Promise.resolve();
    return { files: readdirSync(folder), times: (times += 1) };
  };
  const name = randomUUID();
  const all = await Promise.all([onceInRun(name, make), onceInRun(name, make), onceInRun(name, make)]);
  expect([...all, await onceInRun(name, make)]).toEqual(Array.from({ length: 4 }, () => ({ files: [], times: 1 })));
});

test("an error is everyone's, and nothing is tried again", async () => {
  let times = 0;
  const make = (): Promise<never> => Promise.reject(new Error(`The build failed ${(times += 1)} times.`));
  const name = randomUUID();
  for (let asked = 0; asked < 2; asked += 1) {
    await expect(onceInRun(name, make)).rejects.toThrow("The build failed 1 times.");
  }
});
