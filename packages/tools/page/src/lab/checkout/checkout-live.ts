import { signal } from "@preact/signals";
import type { CheckoutState } from "../../../../src/lab/checkout/checkout-protocol.ts";
import { listen } from "../../session.ts";
import { command, streamProblem } from "../lab-live.ts";

/** The state of the story of the checkout; undefined until the console has sent it. */
export const checkout = signal<CheckoutState | undefined>(undefined);

/** Listens until the returned function is called. */
export function listenToCheckout(): () => void {
  return listen("lab/checkout/live", {
    onEvent: (_event, data) => void (checkout.value = data as CheckoutState),
    onState: (problem) => void (streamProblem.value = problem),
  });
}

/** Has the console do something with the story of the checkout. */
export const checkoutCommand: typeof command = (path, body) => command(`checkout/${path}`, body);
