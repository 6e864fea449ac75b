import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const conditions = ["@once-again/source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // For the programs that tests start; npm's scripts have the conditions from .npmrc. A program is compiled once, and not at
    // each of its hundreds of starts.
    env: {
      NODE_OPTIONS: conditions.map((condition) => `--conditions=${condition}`).join(" "),
      NODE_COMPILE_CACHE: resolve("node_modules/.cache/programs"),
    },
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
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
