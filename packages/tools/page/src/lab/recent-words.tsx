import { useEffect, useState } from "preact/hooks";
import type { ExchangeView } from "../../../src/lab/live/live-protocol.ts";
import { AttemptPicture } from "./attempt-mark.tsx";
import { count, markWords } from "./words.ts";

const shownMax = 4;

/** No person reads faster, milliseconds. */
const readableMs = 400;

/** The last requests in words: what the drawing shows, for who can't see it, or wants none that moves. */
export function RecentWords({ exchanges }: { exchanges: readonly ExchangeView[] }) {
  const last = exchanges.filter(({ mark }) => mark !== "sent").slice(-shownMax);
  const shown = useSlowly(last);
  return (
    <div class="recent">
      <h3>Just now</h3>
      {shown.length === 0 && <p class="quiet">No requests yet.</p>}
      <ol>
        {shown.toReversed().map(({ id, order, attempt, mark }) => (
          <li key={id}>
            <AttemptPicture mark={mark} />
            <span>
              order {count(order)}
              {attempt > 1 && `, try ${attempt}`}: {markWords[mark].text}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** The value, taken over no more often than a person can read. */
export function useSlowly<Value>(value: Value): Value {
  const [shown, setShown] = useState({ value, at: 0 });
  useEffect(() => {
    const dueMs = shown.at + readableMs - performance.now();
    const timer = setTimeout(() => setShown({ value, at: performance.now() }), Math.max(0, dueMs));
    return () => clearTimeout(timer);
  }, [JSON.stringify(value)]);
  return shown.value;
}
