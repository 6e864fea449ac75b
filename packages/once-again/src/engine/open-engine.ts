import type { Store, TransactionalStore } from "../stores/store.ts";
import type { Engine } from "./engine.ts";
import { leasedEngineOn } from "./leased-engine.ts";
import type { CheckedEngineOptions } from "./options.ts";
import type { StoreDoor } from "./store-door.ts";
import { transactionalEngineOn } from "./transactional-engine.ts";

/** A store, and how a room uses it. */
export type EngineMode<Transaction> =
  | { readonly mode?: "leased" | undefined; readonly store: Store }
  | { readonly mode: "transactional"; readonly store: TransactionalStore<Transaction> };

/** The engine of a mode, for a room that has checked its options already. */
export function openEngine<Transaction>(
  given: EngineMode<Transaction>,
  options: CheckedEngineOptions,
  door: StoreDoor<Transaction>,
): Engine<Transaction> {
  if (given.mode === "transactional") return transactionalEngineOn(given.store, options, door);
  // The Transaction of a leased room is undefined: the signatures of rooms see to that.
  return leasedEngineOn(given.store, options, door) as Engine<Transaction>;
}
