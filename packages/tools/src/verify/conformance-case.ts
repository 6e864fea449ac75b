import type { Probe } from "./probe.ts";
import type { Verdict } from "./verdict.ts";

/** One rule, and how to find out whether a server keeps it. */
export interface ConformanceCase {
  /** Never changes and is never used again: a letter for the group, and a number. */
  readonly id: string;
  /** The rule, as a sentence that is true of a good server. */
  readonly title: string;
  /** The consequence of breaking the rule, in one line. */
  readonly reason: string;
  /** Where the rule is written: a URL. */
  readonly rule: string;
  /** The number of the requirement in `conformance/requirements.json` that a failure breaks. */
  readonly requirement: number;
  /**
   * Sends, and judges what comes back. An answer that is due and does not come (`NoResponse`) fails the case; what the
   * server or the options do not allow to ask (`NotApplicable`) makes it not applicable.
   */
  readonly run: (probe: Probe) => Promise<Verdict>;
}

/**
 * The names of the groups by the letters of their ids, in the order in which they run. The last four are of profiles alone.
 */
export const groups = {
  K: "Key syntax",
  R: "Replay",
  F: "Fingerprint",
  C: "Concurrency",
  D: "Disconnects",
  S: "Scope",
  E: "Errors",
  A: "Agentic Commerce Protocol",
  P: "Stripe's manner",
  W: "Standard Webhooks",
  U: "Universal Commerce Protocol",
} as const;

/** The group of a case, by its id. */
export const groupName = (id: string): string => groups[id[0] as keyof typeof groups];
