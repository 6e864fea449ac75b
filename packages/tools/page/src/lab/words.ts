import type {
  AttemptMark,
  LiveScenario,
  OrderSide,
  OrderState,
  ProcessName,
} from "../../../src/lab/live/live-protocol.ts";

/** Whether something is as it should be. */
export type Tone = "good" | "bad" | "warning" | "plain";

/** The end of an attempt, in a few words. */
export const markWords: Readonly<Record<AttemptMark, { readonly text: string; readonly tone: Tone }>> = {
  sent: { text: "on its way", tone: "plain" },
  pass: { text: "arrived, answered", tone: "good" },
  replay: { text: "answered from memory", tone: "good" },
  "lose-request": { text: "lost on the way", tone: "bad" },
  fail: { text: "arrived, failed", tone: "bad" },
  "lose-answer": { text: "answer lost", tone: "bad" },
  broken: { text: "API was down", tone: "bad" },
  refused: { text: "answered with an error", tone: "warning" },
  left: { text: "caller died", tone: "bad" },
};

export const scenarioWords: Readonly<Record<LiveScenario, { readonly title: string; readonly means: string }>> = {
  "lose-request": { title: "Lose requests", means: "The order never reaches the API." },
  fail: { title: "Let requests fail", means: "The order arrives, and the API fails." },
  "lose-answer": { title: "Lose answers", means: "The card is charged, and the caller never learns it." },
};

export const processWords: Readonly<Record<ProcessName, string>> = {
  api: "the API",
  careless: "the careless caller",
  safe: "the safe caller",
};

/** How an order ended, in a few words, with a sign. */
export function verdictOf({ state, charges }: Pick<OrderSide, "state" | "charges">): { text: string; tone: Tone } {
  const verdicts: Readonly<Record<OrderState, { text: string; tone: Tone }>> = {
    "on-its-way": { text: "… on its way", tone: "plain" },
    fine: { text: "✓ charged once", tone: "good" },
    "charged-twice": { text: `✗ charged ${charges} times`, tone: "bad" },
    lost: { text: "✗ lost, never charged", tone: "bad" },
    "in-doubt": { text: "? charged, not confirmed", tone: "warning" },
  };
  return verdicts[state];
}

/** The rows of the ledger of charges. */
export const chargeWords = { rows: "charges", repeat: "charged again" } as const;

/** An amount in minor units of its currency, as people write it. */
export function money(amount: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

export const count = (value: number): string => value.toLocaleString("en");

/** The beginning of an idempotency key, without the quotes that it has in its header. */
export const keyWords = (key: string): string => `${key.replaceAll('"', "").slice(0, 8)}…`;
