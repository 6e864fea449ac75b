import type { CallerName } from "../../../src/lab/caller-name.ts";
import type { ExchangeView, LiveTotals } from "../../../src/lab/live/live-protocol.ts";
import { storyLines } from "./story-lines.ts";

interface StoryProps {
  readonly caller: CallerName;
  readonly exchanges: readonly ExchangeView[];
  readonly totals: LiveTotals;
}

/** The story of the one order, sentence by sentence. */
export function Story({ caller, exchanges, totals }: StoryProps) {
  const lines = storyLines(caller, exchanges, totals);
  return (
    <ol class="story" aria-live="polite" data-story={caller}>
      {lines.length === 0 && <li class="quiet">Nothing is sent yet.</li>}
      {lines.map(({ text, tone }, index) => (
        // Sentences are only ever added.
        <li key={index} class={`tone-${tone}${index === lines.length - 1 ? " is-latest" : ""}`}>
          {text}
        </li>
      ))}
    </ol>
  );
}
