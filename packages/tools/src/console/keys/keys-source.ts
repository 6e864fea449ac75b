import type { Store } from "once-again/stores";

/** Where the keys are that the section shows. */
export interface KeysSource {
  /** The store; closing the section leaves it open. Undefined while there is no store. */
  store(): Store | undefined;
  /** Names of headers and JSON members of stored answers that are masked; by default `secretNames`. */
  readonly mask?: readonly string[] | undefined;
  /** How many requests were answered from memory so far, if anybody here knows: a store does not. */
  replays?(): number;
}
