import { createElement } from "react";
import type { Intents } from "once-again/intents";
import { useOnceMutation } from "once-again/react";

/** A button that pays an order once. With JSX: `<button disabled={pay.isPending} onClick={pay.mutate}>`. */
export function Pay({ intents, url, order }: { intents: Intents; url: string; order: { id: string } }) {
  const pay = useOnceMutation(intents, {
    id: `pay ${order.id}`,
    request: () => ({ url, headers: { "content-type": "application/json" }, body: JSON.stringify(order) }),
  });
  if (pay.isUnknown) return createElement("p", null, "We are looking your payment up. Please don't pay again.");
  if (pay.isDone) return createElement("p", null, "Paid");
  const label = pay.isFailed ? "Try again" : "Pay";
  return createElement("button", { disabled: pay.isPending, onClick: () => void pay.mutate() }, label);
}
