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
    | { kind: "store-failed"; operation: StoreOperation; error: unknown }
  );

/** The operations of the port that a server asks for. */
export type StoreOperation = "claim" | "complete" | "renew" | "release" | "inspect" | "transact";
