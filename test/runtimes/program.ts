import { retryingFetch } from "../../packages/once-again/src/client/index.ts";
import type { Finding, Findings, Probe } from "../verdicts/stage.ts";
import { verdictOn } from "../verdicts/verdict-on.ts";

// Runs in every runtime: Web APIs and the library's own sources, no more.

/** The task of a runtime. */
export interface Task {
  readonly probes: readonly Probe[];
  /** Where each of the orders is posted to, by a retrying fetch. */
  readonly ordersUrl: string;
  readonly orders: readonly string[];
}

export interface Report {
  readonly findings: Findings;
  /** The answers to the orders. */
  readonly answers: readonly string[];
}

export async function perform({ probes, ordersUrl, orders }: Task): Promise<Report> {
  const findings: Record<string, Finding> = {};
  for (const probe of probes) findings[probe.name] = await findingOf(probe);

  const persistent = retryingFetch({
    keys: true,
    attemptsMax: 20,
    backoff: () => 1,
    budget: "off",
    attemptTimeoutMs: 5000,
  });
  const answers: string[] = [];
  for (const body of orders) answers.push(await (await persistent(ordersUrl, { method: "POST", body })).text());
  return { findings: findings as Findings, answers };
}

async function findingOf({ url, fillerBytes, bodyEnd, warm, timeoutMs }: Probe): Promise<Finding> {
  try {
    if (warm) await (await fetch(url)).text();
    const body = "x".repeat(fillerBytes) + bodyEnd;
    const response = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(timeoutMs) });
    await response.text();
    return { verdict: "none", error: "It was answered." };
  } catch (error) {
    return { verdict: verdictOn(error), error: inOneLine(error) };
  }
}

/** An error, with what it wraps, in words. */
function inOneLine(error: unknown): string {
  const { name, code, syscall, message, cause } = error as Record<string, unknown>;
  const facts = [name, code, syscall, message].filter((fact) => typeof fact === "string").join(" | ");
  return cause === undefined ? facts : `${facts} (${inOneLine(cause)})`;
}
