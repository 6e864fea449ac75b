import type { TransactionalStore } from "../stores/store.ts";
import type { Engine, Execution, OpeningEngine } from "./engine.ts";
import { leasedEngineOn, unkeyedExecution } from "./leased-engine.ts";
import {
  type CheckedEngineOptions,
  checkEngineOptions,
  engineOptionsOf,
  type Mode,
  type OptionPath,
} from "./options.ts";
import { openBoundedStore, type BoundedStore } from "./bounded-store.ts";
import { drawRetryAfterMs, drawRetryAfterSeconds, retryAfterRange } from "./retry-after.ts";
import { transactionalEngineOn } from "./transactional-engine.ts";

/** The options of a room, those of its engine among them: a store, and how it is used. */
export type RoomOptions<Transaction> = Parameters<typeof engineOptionsOf>[0] & Mode<Transaction>;

/** The engine of a room, and the calls to its store that run no operation. */
export interface RoomEngine<Transaction> {
  readonly engine: OpeningEngine<Transaction>;
  readonly options: CheckedEngineOptions;
  /** Reads a record. Rejects with `ONCE_STORE_UNAVAILABLE`. */
  readonly lookUp: BoundedStore["lookUp"];
  readonly list: BoundedStore["list"];
  readonly discard: BoundedStore["discard"];
  /** Draws when a caller that is turned away shall come back, milliseconds, by the store's absence: see `retryAfterRange`. */
  readonly retryAfterMs: (leastMs: number) => number;
  /** The same in whole seconds, for the `Retry-After` header. */
  readonly retryAfterSeconds: (leastSeconds: number) => number;
  /** Missing in leased mode, and where the store has no high-water marks. */
  readonly moveMark: TransactionalStore<Transaction>["moveMark"];
  /** The execution of a request that runs without an engine: it has no key and no time limit. */
  passingExecution(): Execution;
  /** One more leased engine on the same store, with other options. Close it, too. */
  openBeside(changed: Partial<CheckedEngineOptions>): Engine<undefined>;
}

/**
 * Opens the engine of a room: the only way into this folder for the rooms around it.
 *
 * @param room its checked options; unknown names are none of the engine's.
 * @param path names an option as the caller of the room writes it; default by its own name.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function openEngine<Transaction = undefined>(
  room: RoomOptions<Transaction>,
  path?: OptionPath,
): RoomEngine<Transaction> {
  const options = checkEngineOptions(engineOptionsOf(room), path);
  const boundedStore = openBoundedStore<Transaction>(room.store, options);
  const isTransactional = room.mode === "transactional";
  return {
    engine: isTransactional
      ? transactionalEngineOn(room.store, options, boundedStore)
      : // The Transaction of a leased room is undefined: the signatures of rooms say so.
        (leasedEngineOn(room.store, options, boundedStore) as unknown as OpeningEngine<Transaction>),
    options,
    lookUp: (name) => boundedStore.lookUp(name),
    list: (request) => boundedStore.list(request),
    discard: (name) => boundedStore.discard(name),
    retryAfterMs: (leastMs) => drawRetryAfterMs(retryAfterRange(leastMs, boundedStore.awayMs()), options.random),
    retryAfterSeconds: (leastSeconds) =>
      drawRetryAfterSeconds(retryAfterRange(1000 * leastSeconds, boundedStore.awayMs()), options.random),
    moveMark: isTransactional ? boundedStore.moveMark : undefined,
    passingExecution: () => unkeyedExecution(boundedStore, "", options),
    openBeside: (changed) => leasedEngineOn(room.store, { ...options, ...changed }, boundedStore),
  };
}
