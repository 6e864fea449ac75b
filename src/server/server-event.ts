import type { Outcome } from "./outcome.ts";

/**
 * What happened to one operation; `key` is undefined when its request brought none. No payloads: `error` is the
 * handler's or the store's own.
 */
export type ServerEvent = { scope: string; key: string | undefined } & (
  | { kind: Outcome["kind"] }
  | { kind: "released" }
  | { kind: "abandoned" }
  | { kind: "lease-lost" }
  | { kind: "handler-failed"; error: unknown }
  /** Milliseconds, a second try included. A transaction is no such call: its time is mostly its handler's. */
  | { kind: "store-answered"; operation: StoreOperation; elapsedMs: number }
  | { kind: "store-failed"; operation: StoreOperation; error: unknown }
);

/** The operations of the port that a server asks for. */
export type StoreOperation =
  | "claim"
  | "complete"
  | "renew"
  | "release"
  | "checkpoint"
  | "inspect"
  | "purge"
  | "transact";
