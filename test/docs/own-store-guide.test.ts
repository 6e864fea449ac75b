import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test.for(["own-store-contract", "intents-contract"])("the guide's %s passes under node:test", (program) => {
  const { status, stdout } = spawnSync(
    process.execPath,
    ["--conditions=@once-again/source", "--test-reporter=tap", `examples/guides/${program}.ts`],
    // A runner inside this one would report to it.
    { encoding: "utf8", env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
  );
  expect(stdout).toMatch(/^# pass [1-9]\d*\n# fail 0$/m);
  expect(status).toBe(0);
});
