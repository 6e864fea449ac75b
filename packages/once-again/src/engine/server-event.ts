import type { Outcome } from "./engine.ts";

/**
 * What happened to one operation; `key` is undefined when its request brought none. No payloads: `error` is the
 * handler's or the store's own.
 *
 * Every request that brought a key has one event, by how it ended: `executed` (it ran, and its result is stored),
 * `replayed`, `in-progress`, `mismatch`, `outcome-unknown` (it is held), `released` (it ran, nothing happened, its key is
 * free), `abandoned` (it ran without an effect, but an earlier attempt may have had one) or `handler-failed`
 * (its handler threw, answered 5xx or took too long). A request that the store failed has `store-failed` alone.
 * `lease-lost` and `store-answered` report what happens on the way.
 */
export type ServerEvent = { scope: string; key: string | undefined } & (
  | { type: Outcome["kind"] }
  | { type: "released" }
  | { type: "abandoned" }
  | { type: "lease-lost" }
  /** `error`: what it threw; of one that answered 5xx, an `ONCE_HANDLER_FAILED`. */
  | { type: "handler-failed"; error: unknown }
  /** Milliseconds, a second try included. A transaction is no such call: its time is mostly its handler's. */
  | { type: "store-answered"; operation: StoreOperation; elapsedMs: number }
  | { type: "store-failed"; operation: StoreOperation; error: unknown }
);

/** The operations that a server asks a store for. */
export type StoreOperation =
  | "claim"
  | "complete"
  | "renew"
  | "release"
  | "checkpoint"
  | "inspect"
  | "purge"
  | "transact";
