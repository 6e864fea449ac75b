import { execFile } from "node:child_process";
import { devNull } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { describeStore } from "../../kits/describe-stores.ts";
import { storesOf, type TestedStore } from "../../kits/store-kit.ts";
import { testedStores } from "../../kits/stores/index.ts";
import { engineOf } from "./engine-of.ts";
import type { Mode } from "./evidence.ts";
import { repeatUntilHit, runsText } from "./repeat-until-hit.ts";
import { resultText } from "./report.ts";
import { type CrashResult, runCrash } from "./run-crash.ts";
import { guards } from "./scene.ts";

/** Each fault comes at least once all the same. */
const seconds = 1;

/** A short run may miss a window or a breach, the more so on a busy machine. What so many miss can't be hit. */
const runsMax = 20;

/** The longest that a run may take on a busy machine. */
const timeoutMs = 1_800_000;

/** Runs until each critical window was hit. What is broken in any of them is broken. */
async function keepsInvariants(
  name: string,
  mode: Mode,
  operations: readonly string[] = [],
  trace?: string,
): Promise<void> {
  const engine = await engineOf(name);
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
  const runs = await repeatUntilHit(
    (index) => runCrash({ engine, mode, seconds, seed: seed + index, operations, trace }),
    runsMax,
  );
  const text = runsText(runs, resultText);
  expect(
    runs.results.flatMap(({ breaches, failures }) => [...breaches, ...failures]),
    text,
  ).toEqual([]);
  expect(runs.missed, text).toEqual([]);
  expect(
    runs.results.some(({ orders }) => orders.ok > 0),
    text,
  ).toBe(true);
}

/** A run of `npm test`, where a store's kit says no other. */
const everyMode = ({ kit }: TestedStore): NonNullable<NonNullable<TestedStore["crash"]>["runs"]> =>
  kit.modes.map((mode) => ({ mode: mode === "leased" ? "hold" : mode, operators: true }));

// Each has separate servers, files and ports, and mostly waits: side by side they take half as long.
describe.concurrent("processes that are killed", { timeout: timeoutMs }, () => {
  for (const tested of storesOf("crash", testedStores)) {
    const { operations, runs = everyMode(tested) } = tested.crash!;
    const tests = (): void => {
      for (const { mode, operators, traced = false } of runs) {
        const title = `${mode}${operators ? ", while operators are at work" : ""}: every invariant holds, in every critical window`;
        test(traced ? `${title}, and the rules explain every call` : title, () =>
          keepsInvariants(tested.kit.name, mode, operators ? operations : [], traced ? devNull : undefined),
        );
      }
    };
    describeStore(tested, tests);
  }

  test.for(guards)("without the guard %s there are duplicates, and the command ends with 1", async (guard) => {
    const args = ["--engine", "sqlite", "--mode", "hold", "--seconds", "3", "--without", guard, "--json"];
    for (let runs = 1; ; runs += 1) {
      const { code, stdout } = await endOf(args);
      const [result] = JSON.parse(stdout) as [CrashResult];
      if (result.duplicates === 0 && runs < runsMax) continue;
      expect(result.breaches.map(({ invariant }) => invariant)).toContain("one-effect");
      expect(result.duplicates).toBeGreaterThan(0);
      expect(code).toBe(1);
      return;
    }
  });
});

/** Runs the command to its end. */
function endOf(args: readonly string[]): Promise<{ code: number; stdout: string }> {
  const program = fileURLToPath(new URL("main.ts", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { maxBuffer: 100_000_000 }, (error, stdout) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout }),
    );
  });
}
