import type { ConformanceCase } from "./conformance-case.ts";
import type { ProfileName } from "./profile-name.ts";
import type { Finding } from "./server-traits.ts";
import type { Strictness, Verdict } from "./verdict.ts";

/** A case and its verdict. */
export interface CaseResult extends Omit<ConformanceCase, "run">, Verdict {
  /** The name of the group. */
  readonly group: string;
  readonly timeMs: number;
}

/** The result of a run. */
export interface VerifyReport {
  readonly url: string;
  readonly method: string;
  readonly profile: ProfileName;
  readonly strictness: Strictness;
  /** Whether effects were counted, or guessed from the answers. */
  readonly effects: "counted" | "guessed";
  /** The server's choices where servers differ. */
  readonly findings: readonly Finding[];
  readonly cases: readonly CaseResult[];
  /** How many requests were sent to the server under test. */
  readonly requests: number;
  readonly timeMs: number;
}

/** How many cases have this verdict. */
export const countVerdicts = ({ cases }: Pick<VerifyReport, "cases">, kind: Verdict["kind"]): number =>
  cases.filter((result) => result.kind === kind).length;
