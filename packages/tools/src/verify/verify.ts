import { invalidOptionError } from "once-again/internal";
import { type ConformanceCase, groupName, groups } from "./conformance-case.ts";
import { effectsReader } from "./effects.ts";
import { detectTraits, detectFindings } from "./detect.ts";
import { type Probe, makeProbe } from "./probe.ts";
import { casesOfProfile } from "./suite/read-cases.ts";
import type { CaseResult, VerifyReport } from "./report.ts";
import { NoResponse, NotApplicable, type Verdict } from "./verdict.ts";
import { checkTarget, type Target, type VerifyOptions } from "./verify-options.ts";
import { socketSender, type Sender } from "./send-modes.ts";
import { signingSender } from "./webhook-signature.ts";

/**
 * Tests how an HTTP server, in any language, treats idempotency keys. It executes some 400 operations there, so point
 * it at a test system.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; `ONCE_TARGET_UNFIT` when the server can't be reached, a plain operation
 *   does not succeed, or its effects can't be counted.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const target = checkTarget(options);
  const cases = selectCases(target);
  const startedAt = performance.now();
  let requests = 0;
  const sockets = socketSender(new URL(target.urlTemplate), target);
  const sender = signedFor(target, (sending) => {
    requests += sending.requests.length;
    return sockets(sending);
  });
  const counter = effectCounter(target);
  const traits = await detectTraits(target, sender, counter);
  const probe = makeProbe(target, sender, traits, counter);
  const findings = await detectFindings(probe);
  const results: CaseResult[] = [];
  for (const conformanceCase of cases) {
    target.onProgress(results.length, cases.length);
    results.push(await runCase(conformanceCase, probe));
  }
  return {
    url: target.urlTemplate,
    method: target.method,
    profile: target.profile,
    strictness: target.strictness,
    effects: counter === undefined ? "guessed" : "counted",
    findings,
    cases: results,
    requests,
    timeMs: Math.round(performance.now() - startedAt),
  };
}

/** The sender that signs, where deliveries are signed. */
export const signedFor = ({ secret }: Pick<Target, "secret">, sender: Sender): Sender =>
  secret === undefined ? sender : signingSender(secret, sender);

/**
 * The cases of a profile, or of them those of some ids and groups.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` when one of these names none.
 */
export function selectCases({ profile, only }: Pick<Target, "profile" | "only">): readonly ConformanceCase[] {
  const cases = casesOfProfile(profile);
  if (only === undefined) return cases;
  const names = only.map((name) => name.toUpperCase());
  const isOf = (id: string, name: string): boolean => id === name || id[0] === name;
  const unknown = names.find((name) => !cases.some(({ id }) => isOf(id, name)));
  if (unknown === undefined && names.length > 0) {
    return cases.filter(({ id }) => names.some((name) => isOf(id, name)));
  }
  throw invalidOptionError(
    "only",
    `ids of cases (K01), or groups: ${Object.keys(groups)
      .filter((letter) => cases.some(({ id }) => id[0] === letter))
      .join(", ")}`,
    unknown ?? "empty",
  );
}

function effectCounter(target: Target): (() => Promise<number>) | undefined {
  const { effects, headers, urlTemplate } = target;
  if (typeof effects !== "object") return effects;
  // Credentials go nowhere but where they were meant for.
  const isSameOrigin = new URL(effects.url).origin === new URL(urlTemplate).origin;
  return effectsReader(effects, isSameOrigin ? headers : [], target);
}

async function runCase({ run, ...named }: ConformanceCase, probe: Probe): Promise<CaseResult> {
  const startedAt = performance.now();
  const { kind, observed } = await run(probe).catch((error: unknown) => judgeError(error, probe.target.signal));
  return { ...named, group: groupName(named.id), kind, observed, timeMs: Math.round(performance.now() - startedAt) };
}

function judgeError(error: unknown, signal: AbortSignal): Verdict {
  signal.throwIfAborted();
  if (error instanceof NoResponse) return { kind: "fail", observed: error.message };
  if (error instanceof NotApplicable) return { kind: "not-applicable", observed: error.message };
  throw error;
}
