import type { CallerName } from "../../../../src/lab/caller-name.ts";
import type { Button, Loss, PayEvent } from "../../../../src/lab/checkout/pay-events.ts";
import { type Tone, verdictOf as orderVerdict } from "../words.ts";

export const pageWords: Readonly<Record<CallerName, { readonly title: string; readonly rule: string }>> = {
  careless: { title: "The careless page", rule: "A press sends the payment. No answer? The customer may press again." },
  safe: {
    title: "The page with intents",
    rule: "A press stores the payment with a key, then sends it. No answer? It is sent again, with that key.",
  },
};

export const lossWords: Readonly<Record<Loss, { readonly title: string; readonly means: string }>> = {
  answer: { title: "The answer", means: "The card is charged, and the page never learns it." },
  request: { title: "The payment itself", means: "It never reaches the shop." },
};

const allEventWords: Readonly<Record<PayEvent["what"], { readonly text: string; readonly tone: Tone }>> = {
  pressed: { text: "The customer presses Pay.", tone: "plain" },
  "pressed-again": { text: "The customer presses Pay again.", tone: "plain" },
  sent: { text: "The payment is sent.", tone: "plain" },
  "sent-again": { text: "A second payment is sent.", tone: "warning" },
  "lost-request": { text: "✗ The payment is lost on its way.", tone: "bad" },
  charged: { text: "The shop charges the card.", tone: "plain" },
  "lost-answer": { text: "✗ The answer is lost.", tone: "bad" },
  "timed-out": { text: "No answer: the page offers to pay again.", tone: "warning" },
  reloaded: { text: "The customer reloads the page.", tone: "plain" },
  closed: { text: "The customer closes the tab.", tone: "plain" },
  opened: { text: "The customer comes back.", tone: "plain" },
  killed: { text: "✗ The browser is killed, by kill -9.", tone: "bad" },
  restarted: { text: "The browser is back, with what it has on disk.", tone: "plain" },
  "changed-tab": { text: "The customer goes to tab 2.", tone: "plain" },
  resumed: { text: "The page finds the intent in the browser, and goes on.", tone: "plain" },
  joined: { text: "The page finds the intent of the other tab, and joins it.", tone: "plain" },
  response: { text: "The answer arrives.", tone: "good" },
  replayed: { text: "The first answer arrives, from the store.", tone: "good" },
};

const safeWords: Partial<typeof allEventWords> = {
  sent: { text: "The intent is stored, and sent with its key.", tone: "plain" },
  "sent-again": { text: "The same payment is sent again, with the same key.", tone: "plain" },
};

/** An event, in words. `hasTabs`: there is more than one tab. */
export function eventWords({ what, tab }: PayEvent, page: CallerName, hasTabs: boolean) {
  const { text, tone } = (page === "safe" ? safeWords[what] : undefined) ?? allEventWords[what];
  return { text: hasTabs && tab !== undefined ? `Tab ${tab}: ${text}` : text, tone };
}

/** The labels of the buttons, as in `examples/checkout`. */
export const buttonWords: Readonly<Record<Button, string>> = {
  loading: "…",
  pay: "Pay",
  paying: "Paying…",
  "pay-again": "No answer. Pay again?",
  "not-paid": "Not paid. Try again?",
  unknown: "We look it up. Please don’t pay again.",
  paid: "Paid",
};

/** The buttons in the end, in words. */
export function buttonsWords(buttons: readonly Button[]): string {
  const [first, ...others] = buttons.map((button) => `“${buttonWords[button]}”`);
  if (others.length === 0) return `In the end the button says ${first}.`;
  return `In the end tab 1 says ${[first, ...others.map((label, index) => `tab ${index + 2} ${label}`)].join(", ")}.`;
}

/** An order that a page pays, as its server and its network have it. */
interface PaidOrder {
  readonly page: CallerName;
  /** The rows of the server's ledger. */
  readonly ledger: readonly unknown[];
  readonly events: readonly PayEvent[];
}

/** The verdict on an order, by the ledger. */
export function verdictOf({ page, ledger, events }: PaidOrder) {
  const charges = ledger.length;
  const state = charges === 0 ? "lost" : charges === 1 ? "fine" : "charged-twice";
  const why = {
    lost: "The customer believes to have paid, and the shop has nothing.",
    "charged-twice": "One order, and the customer has paid twice. Nothing said that the two payments were one.",
    fine:
      page === "safe"
        ? "One order, one charge, and the page knows it."
        : events.some(({ what }) => what === "lost-request")
          ? "By luck: the first payment never reached the shop. The page can’t tell that from a lost answer."
          : "One order, one charge.",
  }[state];
  return { ...orderVerdict({ state, charges }), why };
}
