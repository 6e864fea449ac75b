import { formatDuration, type Painter } from "once-again/internal/command";
import type { LetterView } from "../../admin/letters/letter-view.ts";
import { alignColumns } from "../keys/columns.ts";
import { escapeControls } from "../keys/printable.ts";

const columns = ["WRITTEN", "REASON", "CONSUMER", "FROM", "ATTEMPTS", "BYTES", "ID", "DETAIL", "BODY"] as const;

/** How much of a text a table shows, characters. Ids are whole, up to the longest that an inbox takes. */
const [textLengthMax, idLengthMax] = [60, 255];

/** Dead letters for people, a line for each. */
export function formatLetters(letters: readonly LetterView[], now: number, painter: Painter): string[] {
  const rows = letters.map((letter) => [
    letter.at === undefined ? "-" : `${formatDuration(Math.max(0, now - letter.at))} ago`,
    formatText(letter.reason),
    formatText(letter.consumer),
    formatPlace(letter.source),
    letter.attempts === undefined ? "-" : String(letter.attempts),
    String(letter.bodyBytes),
    formatText(letter.id, idLengthMax),
    formatText(letter.detail),
    letter.cutFrom === undefined
      ? formatText(letter.peek ?? "(not text)")
      : `(cut: it is at ${formatText(letter.cutFrom)})`,
  ]);
  const [titles = "", ...lines] = alignColumns([columns, ...rows]);
  return [painter.strong(titles), ...lines];
}

function formatText(text: string | undefined, lengthMax = textLengthMax): string {
  if (text === undefined) return "-";
  return escapeControls(text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text);
}

/** Of a long name the end: addresses of queues differ there. */
function formatPlace(place: string | undefined): string {
  if (place === undefined || place.length <= textLengthMax) return formatText(place);
  return escapeControls(`…${place.slice(-textLengthMax)}`);
}

export function countLetters(count: number): string {
  return `${count} ${count === 1 ? "letter" : "letters"}`;
}
