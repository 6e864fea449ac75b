import { createElement } from "react";
import type { Intents } from "once-again/intents";
import { type UsedOnceMutation, useOnceMutation } from "once-again/react";

/** A button that pays an order once. With JSX: `<button disabled={pay.isPending} onClick={pay.mutate}>`. */
export function Pay({ intents, url, order }: { intents: Intents; url: string; order: { id: string } }) {
  const pay = useOnceMutation(intents, {
    id: `pay ${order.id}`,
    request: () => ({ url, headers: { "content-type": "application/json" }, body: JSON.stringify(order) }),
  });
  // With its intent: only a person or a program that looks it up can say more.
  if (pay.state === "unknown" && pay.intent !== undefined)
    return createElement("p", null, "We are looking your payment up. Please don't pay again.");
  if (pay.isDone) return createElement("p", null, "Paid");
  return createElement("button", { disabled: pay.isPending, onClick: () => void pay.mutate() }, labelOf(pay));
}

function labelOf(pay: UsedOnceMutation): string {
  // The browser has lost the intent. This page still knows its key, with which it may ask.
  if (pay.isUnknown) return "It may be paid. Ask the shop";
  if (pay.isFailed) return "Try again";
  // The browser lets this site store nothing: a reload would forget the payment.
  if (pay.state === "pending" && pay.durability === "memory") return "Paying. Please keep this page open";
  // It was refused before anything was stored or sent.
  if (pay.state === "idle" && pay.error !== undefined) return "Your browser could not store it. Try again";
  return "Pay";
}
