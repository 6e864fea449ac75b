import type { InspectedRecord, ListRequest } from "once-again/stores";

/** The state of a key, in the words of people: what a store calls abandoned is held. */
export type KeyState = Exclude<InspectedRecord["state"], "abandoned"> | "held";

export function keyState({ state }: Pick<InspectedRecord, "state">): KeyState {
  return state === "abandoned" ? "held" : state;
}

/** The same state in the words of a store. */
export function storedState(state: Exclude<KeyState, "broken"> | undefined): ListRequest["state"] {
  return state === "held" ? "abandoned" : state;
}
