import type { AttemptMark } from "../../../src/lab/live/live-protocol.ts";
import { markWords } from "./words.ts";

/** From the caller, left, to the API, right, and back below: where the attempt ended. */
const strokes: Readonly<Record<AttemptMark, string>> = {
  sent: "M7 5H13",
  pass: "M7 5H24m-3-2.5 3 2.5-3 2.5M24 11H7m3-2.5-3 2.5 3 2.5",
  replay: "M7 5H24m-3-2.5 3 2.5-3 2.5M24 11H7m3-2.5-3 2.5 3 2.5",
  "lose-request": "M7 5H12M14 2.5l5 5m0-5l-5 5",
  fail: "M7 5H20M24 5.5l5 5m0-5l-5 5",
  "lose-answer": "M7 5H24m-3-2.5 3 2.5-3 2.5M24 11H19M12 8.5l5 5m0-5l-5 5",
  broken: "M7 5H18M21 2.5l5 5m0-5l-5 5",
  refused: "M7 5H24m-3-2.5 3 2.5-3 2.5M24 11H7m3-2.5-3 2.5 3 2.5",
  left: "M1.5 5.5l5 5m0-5l-5 5",
};

/** The end of an attempt, as a small picture with its name. */
export function AttemptPicture({ mark }: { mark: AttemptMark }) {
  const { text, tone } = markWords[mark];
  return (
    <svg class={`mark tone-${tone}`} viewBox="0 0 32 16" width="38" height="19" role="img" aria-label={text}>
      <title>{text}</title>
      {mark !== "left" && <circle cx="4" cy="8" r="2.5" class="mark-end" />}
      {mark !== "fail" && mark !== "broken" && (
        <rect x="26" y="5" width="5" height="6" rx="1" class={mark === "replay" ? "mark-memory" : "mark-end"} />
      )}
      <path d={strokes[mark]} />
    </svg>
  );
}

const shown: readonly AttemptMark[] = ["pass", "lose-request", "fail", "lose-answer", "replay", "broken"];

/** The meaning of the pictures. */
export function MarkLegend() {
  return (
    <ul class="legend" aria-label="What can happen to a request">
      {shown.map((mark) => (
        <li key={mark}>
          <AttemptPicture mark={mark} />
          <span aria-hidden="true">{markWords[mark].text}</span>
        </li>
      ))}
    </ul>
  );
}
