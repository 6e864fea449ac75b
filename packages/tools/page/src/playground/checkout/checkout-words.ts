import type { CheckoutSettings, Customer } from "./checkout-settings.ts";

export const customerWords: Readonly<Record<Customer, { readonly title: string; readonly means: string }>> = {
  "press-again": { title: "Presses Pay again", means: "As soon as the page offers it." },
  reload: { title: "Reloads the page", means: "While it still waits for the answer." },
  "close-tab": {
    title: "Closes the tab, and comes back",
    means: "Minutes later. A phone that ends the browser does the same.",
  },
  "second-tab": { title: "Presses in a second tab", means: "Where the same page is open." },
};

const actions: Readonly<Record<Customer, string>> = {
  "press-again": "presses again when the page offers it",
  reload: "reloads the page",
  "close-tab": "closes the tab and comes back",
  "second-tab": "presses in a second tab",
};

/** The settings of a run, in a sentence. */
export function settingsWords({ customer, lost }: CheckoutSettings): string {
  const loss = lost === "answer" ? "The answer to the first payment is lost" : "The first payment is lost on its way";
  return `${loss}, and the customer ${actions[customer]}.`;
}
