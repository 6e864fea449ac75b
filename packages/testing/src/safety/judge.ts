import type { SafetyReport } from "./report.ts";
import { isHeld, isRefusal, isSame, isSuccess, mustWait, type Observation, formatOutcome } from "./observation.ts";

/** How an operation broke, as a sentence; empty when it did not. */
export type Judge = (observation: Observation) => string;

/** One effect, and one answer, which each caller gets. */
export const answeredOnce: Judge = ({ effects, answers, repeat }) => {
  if (effects > 1) return `It happened ${effects} times.`;
  const lost = answers.find((seen) => !isSuccess(seen));
  if (lost !== undefined) return `A caller did not learn what became of it: ${formatOutcome(lost)}.`;
  if (effects < 1) return "It never happened, though its caller got a success.";
  if (answers.some((seen) => !isSame(seen, repeat))) return "A repeat got another answer.";
  return "";
};

/** The same for callers that were there at once: one may be asked to come back. */
export const answeredOnceAmongMany: Judge = ({ effects, answers, repeat }) =>
  answeredOnce({ effects, answers: [...answers.filter((seen) => !mustWait(seen)), repeat], repeat });

/** The second of two requests with one key is refused, and changes nothing of the first. */
export const refusedSecond: Judge = ({ effects, answers: [first, second], repeat }) => {
  const broken = answeredOnce({ effects, answers: [first!], repeat });
  if (broken !== "" || isRefusal(second!)) return broken;
  return `The other request was to be refused, and was answered ${formatOutcome(second!)}.`;
};

/** The verdict on an operation after its process died. */
export function verdictAfterCrash(observation: Observation): Pick<SafetyReport, "verdict" | "why"> {
  const { effects, answers, repeat } = observation;
  if (effects <= 1 && isHeld(repeat) && !answers.some(isSuccess)) return { verdict: "held", why: "" };
  return verdictBy(answeredOnce, observation);
}

export function verdictBy(judge: Judge, observation: Observation): Pick<SafetyReport, "verdict" | "why"> {
  const why = judge(observation);
  return { verdict: why === "" ? "safe" : "broken", why };
}
