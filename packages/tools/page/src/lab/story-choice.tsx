import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import type { LiveSettings } from "../../../src/lab/live/live-protocol.ts";
import { mayChange } from "../session.ts";
import { isPlayground } from "../shell-state.ts";
import { chooseMode, streamProblem } from "./lab-live.ts";

/** The stories that have places. The others are one place: which of them is on is the console's to say. */
export const storyPlaces = { messages: "lab/messages", checkout: "lab/checkout" } as const;

type PlacedStory = keyof typeof storyPlaces;
type StoryName = LiveSettings["mode"] | PlacedStory;

const isPlaced = (name: StoryName): name is PlacedStory => name in storyPlaces;

const stories: readonly (readonly [StoryName, string])[] = [
  ["story", "1. One order, slowly"],
  ["crowd", "2. A crowd of orders"],
  ["messages", "3. Messages"],
  ["checkout", "4. Checkout"],
];

/** The playground has no second process, and a page for the checkout. */
const shownStories = () => (isPlayground.value ? stories.filter(([name]) => !isPlaced(name)) : stories);

/** The choice that was made in another place, until the console shows it. */
const wanted = signal<LiveSettings["mode"] | undefined>(undefined);

/** Which story the page shows. */
export function StoryChoice({ shown }: { shown: StoryName }) {
  useEffect(() => {
    const mode = wanted.value;
    if (isPlaced(shown) || mode === undefined) return;
    wanted.value = undefined;
    if (mode !== shown) void chooseMode(mode);
  }, [shown]);
  const choose = (name: StoryName): void => {
    if (isPlaced(name)) location.hash = storyPlaces[name];
    else if (!isPlaced(shown)) void chooseMode(name);
    else {
      wanted.value = mayChange.value ? name : undefined;
      location.hash = "lab";
    }
  };
  /** Who may only look sees of the two the one that is on. */
  const isOpen = (name: StoryName): boolean => mayChange.value || isPlaced(name) || isPlaced(shown);
  return (
    <div class="row choices" role="group" aria-label="Which story">
      {shownStories().map(([name, label]) => (
        <button
          key={name}
          type="button"
          disabled={streamProblem.value !== undefined || (name !== shown && !isOpen(name))}
          aria-pressed={name === shown}
          onClick={() => name !== shown && choose(name)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
