import { signal } from "@preact/signals";
import { followSettings } from "../follow-settings.ts";
import { runCheckout } from "./checkout-run.ts";
import { type CheckoutSettings, pageKinds } from "./checkout-settings.ts";

/** The order is charged, and the page that would learn of it is gone. */
export const checkoutDefaults: CheckoutSettings = { customer: "reload", lost: "answer", seed: 1 };

export const checkoutSettings = signal<CheckoutSettings>(checkoutDefaults);

/** The ends of the order with each page. */
export const checkoutRuns = followSettings(checkoutSettings, pageKinds, runCheckout);
