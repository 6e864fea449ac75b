import type { KeySummary } from "../../../src/admin/key-document.ts";

/** A sign and a word for each state, so that colour is never alone. */
export const stateWords: Readonly<Record<KeySummary["state"], { sign: string; word: string; meaning: string }>> = {
  running: { sign: "▶", word: "running", meaning: "A worker owns it at present." },
  done: { sign: "✓", word: "done", meaning: "Its result is stored: every repeat gets it." },
  held: {
    sign: "!",
    word: "held",
    meaning: "Its worker ended without a result: it may or may not have happened.",
  },
  broken: { sign: "✗", word: "broken", meaning: "No store has written its record so. It answers nothing." },
};

/** The page that says how to settle held keys. */
export const guide = "https://unpkg.com/once-again@0/docs/guides/unknown-outcomes.md#held-keys";

/** Why a key is held, in a word. */
export function reasonWords({ details }: Pick<KeySummary, "details">): string {
  if (details === null || details.sealedWith !== null) return "";
  return details.reason === null
    ? "crash"
    : { threw: "threw", failed: "5xx", "time-out": "time-out", held: "by handler" }[details.reason];
}
