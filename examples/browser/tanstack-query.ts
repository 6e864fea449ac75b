import { mutationOptions } from "@tanstack/react-query";
import { type Intents, onceMutationFn } from "once-again/intents";

/** Options for `useMutation`: the library must not try again by itself, nor wait until it is online. */
export function payMutation(intents: Intents, url: string) {
  return mutationOptions({
    mutationKey: ["pay"],
    retry: 0,
    networkMode: "always",
    mutationFn: onceMutationFn(intents, {
      id: (order: { id: string }) => `pay ${order.id}`,
      request: (order) => ({ url, headers: { "content-type": "application/json" }, body: JSON.stringify(order) }),
    }),
  });
}
