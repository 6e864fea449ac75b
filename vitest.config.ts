import { defineConfig } from "vitest/config";

const conditions = ["@once-again/source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // For the programs that tests start; npm's scripts have it from .npmrc.
    env: { NODE_OPTIONS: conditions.map((condition) => `--conditions=${condition}`).join(" ") },
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 30_000,
  },
});
