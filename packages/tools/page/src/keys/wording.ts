import type { KeySummary } from "../../../src/admin/key-document.ts";

/** A sign and a word for each state, so that colour is never alone. */
export const stateWords: Readonly<Record<KeySummary["state"], { sign: string; word: string; meaning: string }>> = {
  running: { sign: "▶", word: "running", meaning: "A worker owns it at present." },
  done: { sign: "✓", word: "done", meaning: "Its result is stored: every repeat gets it." },
  abandoned: {
    sign: "!",
    word: "held",
    meaning: "Its worker ended without a result: it may or may not have happened.",
  },
  broken: { sign: "✗", word: "broken", meaning: "No store has written its record so. It answers nothing." },
};
