import { expect } from "vitest";
import { type Case, type CaseName, cases, type Differences } from "./cases.ts";
import type { Certificates } from "../support/certificates.ts";
import { bodyEnd, closedPort, listen, type Origin } from "./origin.ts";
import { verdictOn } from "./verdict-on.ts";

/** One POST that goes wrong, and its sender. */
export interface Probe {
  readonly name: CaseName;
  readonly url: string;
  /** How many bytes go before `bodyEnd` in its body. */
  readonly fillerBytes: number;
  readonly bodyEnd: string;
  /** Whether a GET goes before it, so that its connection is one that was used before. */
  readonly warm: boolean;
  readonly timeoutMs: number;
}

/** The proof that was found in a failure, and the error itself, in words. */
export interface Finding {
  readonly verdict: string;
  readonly error: string;
}

export type Findings = Readonly<Record<CaseName, Finding>>;

/** The servers of all the cases. */
export interface Stage extends AsyncDisposable {
  readonly probes: readonly Probe[];
  /** How many requests arrived, by the name of the case. */
  arrived(): Record<CaseName, number>;
}

export async function openStage(certificates: Certificates): Promise<Stage> {
  const probes: Probe[] = [];
  const origins = new Map<CaseName, Origin>();
  for (const [name, { host = "127.0.0.1", scheme = "http", treat, tls, ...rest }] of entries) {
    const origin = treat === undefined ? undefined : await listen(treat, tls?.(certificates));
    if (origin !== undefined) origins.set(name, origin);
    const { fillerBytes = 0, timeoutMs = 10_000, warm = false } = rest;
    const port = origin?.port ?? (await closedPort());
    probes.push({ name, url: `${scheme}://${host}:${port}/orders`, fillerBytes, bodyEnd, timeoutMs, warm });
  }
  return {
    probes,
    arrived: () => byName((name) => origins.get(name)?.arrived ?? 0),
    async [Symbol.asyncDispose]() {
      await Promise.all(Array.from(origins.values(), (origin) => origin[Symbol.asyncDispose]()));
    },
  };
}

/** The outcome of a case. */
interface Outcome {
  readonly verdict: unknown;
  readonly arrived: number;
}

/** The outcome of each case: the verdict on its failure, and the server's view of it. */
export function outcomes(findings: Findings, stage: Stage): Record<CaseName, Outcome> {
  const arrivals = stage.arrived();
  return byName((name) => {
    const { verdict } = findings[name];
    const arrived = arrivals[name];
    return { verdict: verdict.startsWith("never") && arrived > 0 ? `${verdict}, but it arrived` : verdict, arrived };
  });
}

/**
 * The expected outcome of each case.
 *
 * @param arrivals how many requests arrive where a runtime sends one again by itself.
 */
export function expected(
  differences: Differences = {},
  arrivals: Partial<Record<CaseName, number>> = {},
): Record<CaseName, Outcome> {
  return byName((name) => {
    const verdict = differences[name] ?? cases[name].verdict;
    return {
      verdict: typeof verdict === "string" ? verdict : expect.stringMatching(verdict),
      arrived: arrivals[name] ?? (cases[name].arrives ? 1 : 0),
    };
  });
}

/** The errors that were found, for the message of a test that fails. */
export function formatFindings(findings: Findings): string {
  return JSON.stringify(findings, undefined, 2);
}

/** Sends the probes of a stage, one after the other, with a client of this process. */
export async function findingsOf(stage: Stage, send: (probe: Probe) => Promise<unknown>): Promise<Findings> {
  const findings: Partial<Record<CaseName, Finding>> = {};
  for (const probe of stage.probes) {
    findings[probe.name] = await send(probe).then(
      () => ({ verdict: "none", error: "It was answered." }),
      (error: unknown) => ({ verdict: verdictOn(error), error: String(error) }),
    );
  }
  return findings as Findings;
}

const entries = Object.entries(cases) as ReadonlyArray<[CaseName, Case]>;

function byName<Value>(valueOf: (name: CaseName) => Value): Record<CaseName, Value> {
  return Object.fromEntries(entries.map(([name]) => [name, valueOf(name)])) as Record<CaseName, Value>;
}
