import { type Intents, onceMutation } from "once-again/intents";
import { onScopeDispose, shallowRef } from "vue";

/** `const { state, mutate } = useOnce(intents, "pay 42")`; `state.value.state` is what the template shows. */
export function useOnce(intents: Intents, id: string) {
  const mutation = onceMutation(intents, id);
  const state = shallowRef(mutation.current());
  onScopeDispose(mutation.subscribe(() => void (state.value = mutation.current())));
  return { state, mutate: mutation.mutate };
}
