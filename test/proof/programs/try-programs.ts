import { randomInt } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { describeStore } from "../../kits/describe-stores.ts";
import { storesOf, type TestedStore } from "../../kits/store-kit.ts";
import type { Place } from "./ground.ts";
import { judge } from "./judge.ts";
import { knownPrograms } from "./known-programs.ts";
import { type Program, programs } from "./program.ts";
import { observeProgram } from "./run-program.ts";
import { placesOf } from "./store-places.ts";

/** Tests that the programs that people found, and others at random, keep the promise in a place. */
export function tryPrograms(open: () => Promise<Place>, count: number): void {
  // Each program sends several requests, and a database is started.
  vi.setConfig({ testTimeout: 600_000 });
  let place: Place;
  beforeAll(async () => void (place = await open()));
  afterAll(() => place[Symbol.asyncDispose]());

  const breaches = async (program: Program) => judge(await observeProgram(program, place));

  // Most of a program's time is spent waiting: some run beside each other.
  test.concurrent.for(knownPrograms)("%s", async ([, program], { expect: expected }) => {
    expected(await breaches(program)).toEqual([]);
  });

  test("programs at random keep the promise", async () => {
    const holds = fc.asyncProperty(programs, async (program) => {
      const found = await breaches(program);
      if (found.length > 0) throw new Error(JSON.stringify(found));
    });
    // fast-check's report of a program that fails names the seed.
    await fc.assert(holds, { seed: randomInt(2 ** 31), numRuns: count });
  });
}

/** The same on each of these stores, in each of its modes. */
export async function describePrograms(stores: readonly TestedStore[]): Promise<void> {
  for (const tested of storesOf("programs", stores)) {
    const { leased = 20, transactional = 40, looked = 0 } = tested.programs ?? {};
    const counts = (name: string): number =>
      name.endsWith("-hold") ? leased : name.endsWith("-look") ? looked : transactional;
    const places = Object.entries(await placesOf(tested)).filter(([name]) => counts(name) > 0);
    const tests = () =>
      describe.for(places)("%s", ([name, open]) => {
        tryPrograms(open, counts(name));
      });
    describeStore(tested, tests);
  }
}
