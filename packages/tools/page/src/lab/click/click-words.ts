import type { CallerName } from "../../../../src/lab/caller-name.ts";
import type { ClickCounts } from "../../../../src/lab/click/click-protocol.ts";
import { count, type Tone } from "../words.ts";

/** The outcome of one payment of a click, in sentences. */
export interface ClickVerdict {
  readonly text: string;
  readonly why: string;
  readonly tone: Tone;
}

const times = (number: number): string => (number === 1 ? "once" : `${count(number)} times`);

/**
 * Says what became of a payment, by what the shop counted: a browser that did not send it again is not said to have done so.
 *
 * @param hasResponse whether the page's request was answered.
 */
export function clickVerdict(side: CallerName, { arrivals, charges }: ClickCounts, hasResponse: boolean): ClickVerdict {
  const page = hasResponse ? "The page sees a success." : "The page sees an error, and can’t know that you have paid.";
  if (arrivals === 0) return { text: "Your click did not reach the shop.", why: page, tone: "warning" };
  const text = `You clicked once. The shop charged ${times(charges)}.`;
  if (arrivals === 1) return { text, why: `Your browser did not send it again. ${page}`, tone: "plain" };
  const known = side === "safe" ? " The shop knew its key, and gave the first result." : "";
  return { text, why: `Your browser sent it again.${known} ${page}`, tone: charges === 1 ? "good" : "bad" };
}
