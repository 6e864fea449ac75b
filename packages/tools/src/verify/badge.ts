import { countVerdicts, type VerifyReport } from "./report.ts";
import { suite } from "./suite/cases-json.ts";

/** A badge: the members that shields.io reads from an endpoint, and what was run. */
export interface Badge {
  readonly schemaVersion: 1;
  readonly label: string;
  readonly message: string;
  readonly color: "brightgreen" | "yellow" | "red";
  /** The version of the suite. */
  readonly suite: number;
  readonly profile: string;
  /** The day of the run, `YYYY-MM-DD`. */
  readonly date: string;
  readonly passed: number;
  readonly failed: number;
  readonly warned: number;
  readonly notApplicable: number;
}

/** The badge of a run. It is green when no case failed and none warned, and yellow when some warned. */
export function makeBadge(report: Pick<VerifyReport, "cases"> & { profile: string }, now: Date): Badge {
  const [passed, failed, warned, notApplicable] = (["pass", "fail", "warn", "not-applicable"] as const).map((kind) =>
    countVerdicts(report, kind),
  ) as [number, number, number, number];
  return {
    schemaVersion: 1,
    label: `idempotency (${report.profile})`,
    message: failed > 0 ? `${failed} of ${passed + failed + warned} fail` : `${passed} of ${passed + warned} pass`,
    color: failed > 0 ? "red" : warned > 0 ? "yellow" : "brightgreen",
    suite: suite.version,
    profile: report.profile,
    date: now.toISOString().slice(0, 10),
    passed,
    failed,
    warned,
    notApplicable,
  };
}
