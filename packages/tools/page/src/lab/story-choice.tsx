import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import type { LiveSettings } from "../../../src/lab/live/live-protocol.ts";
import { mayChange } from "../session.ts";
import { isPlayground } from "../shell-state.ts";
import { chooseMode, streamProblem } from "./lab-live.ts";

/** The place of the story of messages. The others are one place: which of them is on is the console's to say. */
export const messagesPlace = "lab/messages";

type StoryName = LiveSettings["mode"] | "messages";

const stories: readonly (readonly [StoryName, string])[] = [
  ["story", "1. One order, slowly"],
  ["crowd", "2. A crowd of orders"],
  ["messages", "3. Messages"],
];

/** The playground has no broker and no second process to announce anything to. */
const shownStories = () => (isPlayground.value ? stories.filter(([name]) => name !== "messages") : stories);

/** The choice that was made in the story of messages, until the console shows it. */
const wanted = signal<LiveSettings["mode"] | undefined>(undefined);

/** Which story the page shows. */
export function StoryChoice({ shown }: { shown: StoryName }) {
  useEffect(() => {
    const mode = wanted.value;
    if (shown === "messages" || mode === undefined) return;
    wanted.value = undefined;
    if (mode !== shown) void chooseMode(mode);
  }, [shown]);
  const choose = (name: StoryName): void => {
    if (name === "messages") location.hash = messagesPlace;
    else if (shown !== "messages") void chooseMode(name);
    else {
      wanted.value = mayChange.value ? name : undefined;
      location.hash = "lab";
    }
  };
  /** Who may only look sees of the two the one that is on. */
  const isOpen = (name: StoryName): boolean => mayChange.value || name === "messages" || shown === "messages";
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
