import { seededRandom } from "once-again";
import { uniform } from "once-again/internal";
import { legMs, type LiveFault, type LiveSettings, liveScenarios, rateMax } from "./live-protocol.ts";

/** A delivery takes between half and one and a half of the average. */
const spread = 0.5;

/**
 * The fault of the n-th attempt at an order, 1-based. Both callers meet the same. Each scenario has a separate part of
 * chance,
 * which it fills as far as its rate goes: to switch one of them changes nothing for the others.
 */
export function liveFault(settings: LiveSettings, orderId: string, attempt: number): LiveFault {
  const { mode, seed, speed, faults } = settings;
  if (mode === "story") return storyFault(attempt, legMs[speed]);
  const random = seededRandom(`${seed} ${attempt} ${orderId}`);
  const lot = random();
  const delay = (): number => legMs[speed] * uniform(random, 1 - spread, 1 + spread);
  const delays = { requestDelayMs: delay(), answerDelayMs: delay() };
  const scenario = liveScenarios.find((name, index) => {
    const from = index * rateMax;
    return faults[name].isOn && lot >= from && lot < from + faults[name].rate;
  });
  // Every loss breaks the connection. In silence a caller would wait for its time-out, and the watcher with it.
  return { scenario: scenario ?? "pass", ...delays };
}

/** The story of a lost answer: the order arrives, its answer does not; the next attempt meets no fault. */
function storyFault(attempt: number, delayMs: number): LiveFault {
  const delays = { requestDelayMs: delayMs, answerDelayMs: delayMs };
  return { scenario: attempt === 1 ? "lose-answer" : "pass", ...delays };
}
