import type { CallerName } from "../../../src/lab/caller-name.ts";
import type { ExchangeView, LiveTotals } from "../../../src/lab/live/live-protocol.ts";
import { keyWords, type Tone } from "./words.ts";

/** One sentence of the story. */
export interface StoryLine {
  readonly text: string;
  readonly tone: Tone;
}

/** The story of the one order so far, in plain words. */
export function storyLines(
  caller: CallerName,
  exchanges: readonly ExchangeView[],
  { charges, settled, confirmed }: LiveTotals,
): readonly StoryLine[] {
  const lines: StoryLine[] = [];
  let charged = 0;
  for (const exchange of exchanges) {
    if (exchange.at === "held") continue;
    lines.push({ text: sending(caller, exchange), tone: "plain" });
    if (exchange.mark === "pass" || exchange.mark === "lose-answer") charged += 1;
    const arrival = arriving(exchange, charged);
    if (arrival !== undefined) lines.push(arrival);
    if (exchange.mark === "lose-answer" && exchange.at === "heard") {
      lines.push({ text: "No answer. Did the order arrive, or not? The caller can’t know.", tone: "warning" });
    }
  }
  if (settled > 0) lines.push(ending(charges, confirmed > 0));
  return lines;
}

function sending(caller: CallerName, { attempt, key }: ExchangeView): string {
  const shown = key === undefined ? "" : ` (${keyWords(key)})`;
  if (caller === "careless") {
    return attempt === 1
      ? "It sends the order."
      : "So it sends the order again. Nothing in it says that it is the same order.";
  }
  return attempt === 1
    ? `It gives the order a key${shown}, and sends both.`
    : `So it sends the order again, with the same key${shown}.`;
}

function arriving({ mark, at }: ExchangeView, charged: number): StoryLine | undefined {
  const again = charged > 1 ? " a second time" : "";
  switch (mark) {
    case "pass":
      return { text: `The API charges the card${again}, and its answer arrives.`, tone: charged > 1 ? "bad" : "good" };
    case "lose-answer": {
      const lost = at === "heard" ? "Its answer got lost." : "Its answer sets out…";
      return { text: `The API charges the card${again}. ${lost}`, tone: "plain" };
    }
    case "replay":
      return {
        text: "The API knows this key. It charges nothing, and gives its first answer once more.",
        tone: "good",
      };
    case "lose-request":
      return { text: "The order gets lost on its way.", tone: "plain" };
    case "fail":
    case "refused":
      return { text: "The API fails.", tone: "plain" };
    case "broken":
      return { text: "The API is down.", tone: "plain" };
    case "sent":
    case "left":
      return undefined;
  }
}

function ending(charges: number, isConfirmed: boolean): StoryLine {
  if (charges > 1)
    return { text: `✗ One order, ${charges} charges. The customer has paid ${times(charges)}.`, tone: "bad" };
  if (charges === 0) return { text: "✗ The order is lost: no charge, no delivery.", tone: "bad" };
  if (!isConfirmed) return { text: "? Charged once, and the caller will never know.", tone: "warning" };
  return { text: "✓ One order, one charge.", tone: "good" };
}

const times = (charges: number): string => (charges === 2 ? "twice" : `${charges} times`);
