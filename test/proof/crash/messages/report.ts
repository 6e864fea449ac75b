import { invariants } from "../../invariants.ts";
import { countRows, verdictLines } from "../report.ts";

import type { MessagesResult } from "./run-messages.ts";

/** The result of a run, for people. */
export function messagesText(result: MessagesResult): string {
  const { engine, broker, seed, seconds, secondsToRest, breaches } = result;
  const { doubleEffects, lost, orderViolations, rolledBackPublished } = result;
  return [
    `${engine}, ${broker}: ${seconds} s of faults, seed ${seed}; at rest ${secondsToRest} s later`,
    "Faults survived:",
    ...countRows(result.faults),
    "Critical windows hit:",
    ...countRows(result.windows),
    "Messages:",
    ...countRows(result.messages),
    "What became of them:",
    ...countRows({
      lost,
      "second effects": doubleEffects,
      "out of their key's order": orderViolations,
      "published or with an effect, though rolled back": rolledBackPublished,
    }),
    ...verdictLines(
      result,
      breaches.map(({ invariant, message, what }) => {
        const subject = message === undefined ? "" : `${message}: `;
        return `${invariant}: ${invariants[invariant]} ${subject}${what}.`;
      }),
    ),
    "",
  ].join("\n");
}
