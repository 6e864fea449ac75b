import type { Store } from "once-again/stores";

/** Where the keys are that the section shows. */
export interface KeysSource {
  /** The store, which stays its owner's: closing the section leaves it open. Undefined when there is none at present. */
  store(): Store | undefined;
  /** How many requests were answered from memory so far, if anybody here knows: a store does not. */
  replays?(): number;
}
