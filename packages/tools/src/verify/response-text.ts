import type { ProbeResponse } from "./probe-response.ts";

/** How much of a body is shown, characters. */
const bodyShownMax = 60;

/** An answer in a few words: its status, and how its body begins. */
export function formatResponse({ status, body }: ProbeResponse): string {
  const text = formatText(body.subarray(0, bodyShownMax * 4).toString());
  if (text === "") return String(status);
  return `${status} ${text.length > bodyShownMax ? `${text.slice(0, bodyShownMax)}…` : text}`;
}

/** Several statuses in short: `201, 409 (9 times)`. */
export function formatStatuses(responses: readonly ProbeResponse[]): string {
  const counts = Map.groupBy(responses, ({ status }) => status);
  return Array.from(counts, ([status, { length }]) =>
    length === 1 ? `${status}` : `${status} (${length} times)`,
  ).join(", ");
}

/** A server's text must not reach the terminal's controls, nor break a line of a report. */
export function formatText(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, "\u{fffd}")
    .trim();
}

export const formatCount = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
