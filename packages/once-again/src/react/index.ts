/**
 * A mutation that happens once, as a hook of React.
 *
 * @module
 */
import "../core/check-platform.ts";
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

/** A mutation, and how many use it: components that show it, and calls of `mutate` that have not ended. */
interface SharedMutation {
  readonly mutation: Mutation;
  users: number;
}

/** The mutations in use: those with one id have one state. */
const inUse = new WeakMap<Intents, Map<string, SharedMutation>>();

/**
 * The mutation that all with this id share, for one component. It is made when it is first used, since a render may never be shown, as on
 * a server. When its last user is gone, the next one looks into the store anew.
 */
function sharedMutation(intents: Intents, id: string): Mutation {
  // Only to check the id while rendering.
  onceMutation(intents, id);
  const mutations = inUse.get(intents) ?? new Map<string, SharedMutation>();
  inUse.set(intents, mutations);
  const use = (): SharedMutation => {
    const shared = mutations.get(id) ?? { mutation: onceMutation(intents, id), users: 0 };
    mutations.set(id, shared);
    shared.users += 1;
    return shared;
  };
  const leave = (shared: SharedMutation): void => {
    shared.users -= 1;
    if (shared.users === 0) mutations.delete(id);
  };
  return {
    current() {
      const state = mutations.get(id)?.mutation.current() ?? loading;
      return state.state === "loading" ? loading : state;
    },
    subscribe(listener) {
      const shared = use();
      const end = shared.mutation.subscribe(listener);
      return () => {
        end();
        leave(shared);
      };
    },
    async mutate(request) {
      const shared = use();
      try {
        return await shared.mutation.mutate(request);
      } finally {
        leave(shared);
      }
    },
  };
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
