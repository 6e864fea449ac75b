import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { type Tier, testFiles, tiers } from "./scripts/test-files.ts";

const conditions = ["@once-again/source"];

/** Vitest begins with the largest files. These are small, and take long. */
const long = ["proof/programs/", "proof/failover/"];

/** One project after the other, since only files of one share a process; in each of them those that take long. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification): number =>
      2 * tiers.indexOf(project.name as Tier) + (long.some((part) => moduleId.includes(part)) ? 0 : 1);
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

const files = Object.groupBy(testFiles(), ({ tier }) => tier);

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: tiers.map((tier) => ({
      extends: true,
      test: {
        name: tier,
        include: (files[tier] ?? []).map(({ path }) => path),
        isolate: tier !== "shared",
        setupFiles: tier === "shared" || tier === "alone" ? ["test/support/one-process.ts"] : [],
      },
    })),
    // For the programs that tests start; npm's scripts have the conditions from .npmrc. A program is compiled once, and not at
    // each of its hundreds of starts.
    env: {
      NODE_OPTIONS: conditions.map((condition) => `--conditions=${condition}`).join(" "),
      NODE_COMPILE_CACHE: resolve("node_modules/.cache/programs"),
    },
    globalSetup: "test/support/run-folder.ts",
    sequence: { sequencer: LongFirst },
    // Tests wait more than they compute: for servers to start, leases to end, processes to die.
    maxWorkers: availableParallelism() + 2,
    // They are there to end what hangs. No machine is so slow that it needs them.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 120_000 } },
    // The last lines of a run in CI are all that is seen of it: they say what was found, and not `[ Array(1) ]`.
    chaiConfig: { truncateThreshold: 1000 },
  },
});
