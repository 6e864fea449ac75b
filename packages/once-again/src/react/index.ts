/**
 * A mutation that happens once, as a hook of React.
 *
 * @module
 */
import { useCallback, useMemo, useSyncExternalStore } from "react";
import { type Intents, onceMutation } from "../intents/index.ts";

type Mutation = ReturnType<typeof onceMutation>;
type MutationState = ReturnType<Mutation["current"]>;

/** One thing that the user may want once. */
interface UseOnceMutationOptions {
  /** Your own name for it, such as `pay ${order.id}`: the same in each tab, and after a reload. */
  readonly id: string;
  /** Makes the request when `mutate` is called. The same id takes the same request, until it has failed. */
  readonly request: Extract<Parameters<Mutation["mutate"]>[0], () => unknown>;
}

/** The mutation as a component shows it. */
export type UsedOnceMutation = MutationState & {
  /** It is under way, or is being looked up: a button is disabled. */
  readonly isPending: boolean;
  readonly isDone: boolean;
  readonly isFailed: boolean;
  /** Neither done nor failed: offer no second try before a person has looked it up. */
  readonly isUnknown: boolean;
  /** Sends it, unless it is under way, done or unknown. Never rejects: the state has the error. */
  readonly mutate: () => Promise<Awaited<ReturnType<Mutation["mutate"]>> | undefined>;
};

/** The mutations that components show: those with one id have one state. */
const shown = new WeakMap<Intents, Map<string, Mutation>>();

/** The mutation that components with this id share. When the last of them is gone, the next one looks into the store anew. */
function sharedMutation(intents: Intents, id: string): Mutation {
  const mutations = shown.get(intents) ?? new Map<string, Mutation>();
  shown.set(intents, mutations);
  const known = mutations.get(id);
  if (known !== undefined) return known;
  const mutation = onceMutation(intents, id);
  let components = 0;
  const shared: Mutation = {
    ...mutation,
    subscribe(listener) {
      if (!mutations.has(id)) mutations.set(id, shared);
      components += 1;
      const end = mutation.subscribe(listener);
      return () => {
        end();
        components -= 1;
        if (components === 0 && mutations.get(id) === shared) mutations.delete(id);
      };
    },
  };
  mutations.set(id, shared);
  return shared;
}

const loading: MutationState = { state: "loading" };
const whileServing = (): MutationState => loading;

/**
 * A mutation that happens once, whatever becomes of its component, its tab and its browser. When it is shown again, it has the state
 * that an earlier life left. Components of one page with the same intents and id show one state.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an id that is no text of 1 to 240 characters.
 * @example
 * ```ts
 * const intents = openIntents({ store: indexeddbIntents(), keys: ["https://shop.example"] });
 * const url = "https://shop.example/payments";
 * const usePay = (order: string) => useOnceMutation(intents, { id: `pay ${order}`, request: () => ({ url, body: order }) });
 * ```
 */
export function useOnceMutation(intents: Intents, { id, request }: UseOnceMutationOptions): UsedOnceMutation {
  const mutation = useMemo(() => sharedMutation(intents, id), [intents, id]);
  const state = useSyncExternalStore(mutation.subscribe, mutation.current, whileServing);
  const mutate = useCallback(
    () => mutation.mutate(request).catch(() => undefined),
    // The request of the render that the user saw.
    [mutation, request],
  );
  return {
    ...state,
    isPending: state.state === "pending" || state.state === "loading",
    isDone: state.state === "done",
    isFailed: state.state === "failed",
    isUnknown: state.state === "unknown",
    mutate,
  };
}
