import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { checkPolicy } from "../check-policy.ts";
import { writePolicyCode } from "./policy-code.ts";
import type { PolicyOptions } from "./policy-options.ts";

test.each<PolicyOptions>([
  {},
  { backoff: { kind: "linear", jitter: "none" } },
  { budget: { kind: "none" }, backoff: { kind: "decorrelated", baseMs: 50, capMs: 5000 }, timeoutMs: 9000 },
  {
    backoff: { kind: "constant", delayMs: 100, jitter: "bounded", jitterRatio: 0.5 },
    budget: { kind: "aws", capacity: 50 },
  },
  {
    backoff: { kind: "fibonacci", baseMs: 100, jitter: "equal" },
    budget: { kind: "finagle", reservePerSecond: 0 },
    circuitBreaker: { window: { calls: 20 }, openMs: 500 },
    adaptiveThrottle: {},
    concurrencyLimit: { runningMax: 5 },
    hedge: { delayMs: "p95" },
  },
])("the code of a policy is a program that runs: %j", (options) => {
  const code = writePolicyCode(checkPolicy(options));
  const program = `${code}\nconst response = await fetch("data:,hello");\nconsole.log(await response.text());`;
  const flags = [
    "--conditions=@once-again/source",
    "--disable-warning=ExperimentalWarning",
    "--input-type=module",
    "-e",
  ];
  expect(execFileSync(process.execPath, [...flags, program], { encoding: "utf8" })).toBe("hello\n");
});

test("retries that are free say, wherever they are pasted, what they are for; the default budget is by its name", () => {
  const free = writePolicyCode(checkPolicy({ budget: { kind: "none" } }));
  expect(free).toContain(
    '  // Only to compare: with free retries a busy service may never come back. Leave this line out.\n  budget: "off",',
  );
  expect(writePolicyCode(checkPolicy({}))).toContain('  budget: "per-origin",');
});

test("it says what was set, and imports what it uses", () => {
  const code = writePolicyCode(
    checkPolicy({
      attemptsMax: 3,
      backoff: { kind: "exponential", baseMs: 200, jitter: "equal" },
      budget: { kind: "success", capacity: 50 },
      hedge: { delayMs: 100 },
    }),
  );
  expect(code).toBe(`import { equalJitter, exponentialBackoff } from "once-again";
import { successBudget } from "once-again/budgets";
import { retryingFetch } from "once-again/client";
import { hedge } from "once-again/layers";

const fetch = retryingFetch({
  keys: ["https://api.example"],
  attemptsMax: 3,
  attemptTimeoutMs: 1000,
  backoff: exponentialBackoff({ baseMs: 200, jitter: equalJitter() }),
  budget: successBudget({ capacity: 50 }),
  layers: ({ budget }) => [
    hedge({ delayMs: 100, budget }),
  ],
});
`);
});
