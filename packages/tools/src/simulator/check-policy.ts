import { checkChoice, checkNumber, invalidOptionError } from "once-again/internal";
import { seededRandom } from "once-again";
import { clientProcess } from "./client-process.ts";
import { describePolicy } from "./policy/policy-name.ts";
import type { BackoffSettings, BudgetSettings, PolicyOptions } from "./policy/policy-options.ts";
import type { JitteredBackoff, PolicySettings } from "./policy/policy-settings.ts";

const day = 86_400_000;
const nameLengthMax = 60;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds. */
export function checkPolicy(options: PolicyOptions): PolicySettings {
  const { timeoutMs, circuitBreaker, adaptiveThrottle, concurrencyLimit, hedge, name } = options;
  const settings = {
    attemptsMax: checkNumber("attemptsMax", options.attemptsMax ?? 5, { min: 1, max: 1000, integer: true }),
    attemptTimeoutMs: checkNumber("attemptTimeoutMs", options.attemptTimeoutMs ?? 1000, { min: 1, max: 3_600_000 }),
    ...(timeoutMs !== undefined && { timeoutMs: checkNumber("timeoutMs", timeoutMs, { min: 1, max: day }) }),
    backoff: checkBackoff(options.backoff ?? { kind: "exponential" }),
    budget: checkBudget(options.budget ?? { kind: "success" }),
    ...(circuitBreaker !== undefined && { circuitBreaker }),
    ...(adaptiveThrottle !== undefined && { adaptiveThrottle }),
    ...(concurrencyLimit !== undefined && { concurrencyLimit }),
    ...(hedge !== undefined && { hedge }),
  };
  if (name !== undefined && (typeof name !== "string" || name === "" || name.length > nameLengthMax)) {
    throw invalidOptionError("name", `a text of 1 to ${nameLengthMax} characters`, name);
  }
  const policy: PolicySettings = { name: name ?? describePolicy(settings), ...settings };
  // The rules behind the settings check their own numbers when they are made.
  const random = seededRandom(0);
  const clock = { now: () => 0, monotonic: () => 0, timer: () => () => {} };
  clientProcess(policy, { clock, random: { arrivals: random, policy: random, service: random } });
  return policy;
}

/** That of `once-again`. */
const defaultJitter = "equal";

function checkBackoff(settings: BackoffSettings): JitteredBackoff {
  checkChoice("backoff.kind", settings.kind, ["exponential", "linear", "fibonacci", "constant", "decorrelated"]);
  if (settings.kind === "decorrelated") return settings;
  const { jitter = defaultJitter } = settings;
  return { ...settings, jitter: checkChoice("backoff.jitter", jitter, ["full", "equal", "bounded", "none"]) };
}

function checkBudget(settings: BudgetSettings): BudgetSettings {
  checkChoice("budget.kind", settings.kind, ["none", "success", "grpc", "aws", "finagle"]);
  return settings;
}
