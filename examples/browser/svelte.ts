import { type Intents, onceMutation } from "once-again/intents";
import { readable } from "svelte/store";

/** `const { state, mutate } = once(intents, "pay 42")`; a component shows `$state.state`. */
export function once(intents: Intents, id: string) {
  const { current, subscribe, mutate } = onceMutation(intents, id);
  return { state: readable(current(), (set) => subscribe(() => set(current()))), mutate };
}
