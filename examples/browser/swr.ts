import { type Intents, onceMutationFn } from "once-again/intents";
import useSWRMutation from "swr/mutation";

/** `const { trigger, isMutating, error } = usePay(intents, url, order)`; an unknown outcome is `error.code === "ONCE_OUTCOME_UNKNOWN"`. */
export function usePay(intents: Intents, url: string, order: { id: string }) {
  const send = onceMutationFn(intents, {
    id: (id: string) => id,
    request: () => ({ url, headers: { "content-type": "application/json" }, body: JSON.stringify(order) }),
  });
  return useSWRMutation(`pay ${order.id}`, send);
}
