import { OnceAgainError } from "once-again";
import { type Observation, formatOutcome } from "./observation.ts";

/** The fate of one operation under test. */
export interface SafetyReport {
  /** The scenario, or the crash point. */
  readonly name: string;
  /** The fault that it met, as a sentence. */
  readonly happened: string;
  /** How many effects it had. */
  readonly effects: number;
  /** The different things that its caller saw, in their order: status and body, or what it failed with. */
  readonly answers: readonly string[];
  /**
   * `safe`: it had one effect, and one answer. `held`: after a crash it is unknown whether it had its effect; it had one
   * at most, and says so. `broken`: it is not safe to send again.
   */
  readonly verdict: "safe" | "held" | "broken";
  /** How it broke, as a sentence; empty otherwise. */
  readonly why: string;
}

/** A report of the fault that an operation met, the observation, and its meaning. */
export function reportOf(
  done: Pick<SafetyReport, "name" | "happened">,
  { effects, answers, repeat }: Observation,
  verdict: Pick<SafetyReport, "verdict" | "why">,
): SafetyReport {
  return { ...done, effects, answers: [...new Set([...answers, repeat].map(formatOutcome))], ...verdict };
}

/**
 * Answers the reports when none of them is broken.
 *
 * @throws OnceAgainError `ONCE_HANDLER_UNSAFE` with all of them as a story, and in `details.reports`.
 */
export function assertSafe(reports: readonly SafetyReport[]): readonly SafetyReport[] {
  const broken = reports.filter(({ verdict }) => verdict === "broken").length;
  if (broken === 0) return reports;
  throw new OnceAgainError(
    "ONCE_HANDLER_UNSAFE",
    `It is not safe to send again: ${broken} of ${reports.length} trials broke it.\n\n${reports.map(formatReport).join("\n")}`,
    { details: { reports } },
  );
}

/** How many different answers the story shows. */
const answersMax = 3;

function formatReport({ name, happened, effects, answers, verdict, why }: SafetyReport): string {
  const line = `  ${verdict === "broken" ? "BROKEN" : verdict.padEnd(6)}  ${name}: ${formatEffects(effects)}`;
  if (verdict !== "broken") return line;
  const more = answers.length > answersMax ? ` | and ${answers.length - answersMax} others` : "";
  const seen = `The caller saw: ${answers.slice(0, answersMax).join(" | ")}${more}`;
  return [line, happened, why, seen].join("\n          ");
}

export function formatEffects(effects: number): string {
  return effects === 1 ? "1 effect" : `${effects} effects`;
}
