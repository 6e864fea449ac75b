import { type Listener, notify } from "../core/listener.ts";
import type { OnceOperation, Outcome } from "./engine.ts";

// The events of a server, and how a request's first and last one are emitted. bounded-store.ts emits how the store answered,
// leased-engine.ts and transactional-engine.ts the others.

/**
 * One event of one operation; `key` is undefined when its request brought none. No payloads: `error` is the
 * handler's or the store's own.
 *
 * Every request that brought a key has `received`, and then one event by how it ended: `executed` (it ran, and its result is
 * stored), `replayed`, `in-progress`, `mismatch`, `outcome-unknown` (it is held), `released` (it ran, nothing happened, its
 * key is free), `abandoned` (it ran without an effect, but an earlier attempt may have had one) or `handler-failed`
 * (its handler threw, answered 5xx or took too long). A request that the store failed ends with `store-failed`. An invocation
 * of a durable execution that is suspended has no end: the invocation that ends the execution has it.
 * `lease-lost` and `store-answered` report what happens on the way.
 */
export type ServerEvent = { scope: string; key: string | undefined } &
  /** It is reported while the request's own asynchronous context is active, which later events can't promise. */
  (
    | ({ type: "received" } & RequestFacts)
    | ({ type: Outcome["kind"] | "released" | "abandoned" | "lease-lost" } & RequestFacts)
    /** `error`: what it threw; of one that answered 5xx, an `ONCE_HANDLER_FAILED`. */
    | ({ type: "handler-failed"; error: unknown } & RequestFacts)
    /** Milliseconds, a second try included. A transaction is no such call: its time is mostly its handler's. */
    | { type: "store-answered"; operation: StoreOperation; elapsedMs: number }
    | { type: "store-failed"; operation: StoreOperation; error: unknown }
  );

/** Which request an event is about. */
export interface RequestFacts {
  /**
   * The same object in the events of one request, and in those of no other; `undefined` when it brought no key. It is empty: a
   * listener may store what it knows of the request in it, under a symbol.
   */
  call: object | undefined;
  /** Which attempt at the operation it ran, from 1; `undefined` where it ran none, or none yet. */
  attempt: number | undefined;
}

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

/** The events that report how a request ended: each request has one. */
export type EndEvent = Exclude<ServerEvent["type"], "received" | "lease-lost" | "store-answered" | "store-failed">;

/** In the events of a request that brought no key. */
export const keyless = { key: undefined, call: undefined, attempt: undefined } as const;

/** Emits the event of a request that came. @returns its `call`. */
export function notifyReceived(
  onEvent: Listener<ServerEvent>,
  { scope, key }: Pick<OnceOperation, "scope" | "key">,
): object {
  const call = {};
  notify(onEvent, { type: "received", scope, key, call, attempt: undefined });
  return call;
}

/** Emits the event of a request's end. */
export function notifyEnd(
  onEvent: Listener<ServerEvent>,
  { scope, key }: Pick<OnceOperation, "scope" | "key">,
  { event, error }: { readonly event: EndEvent; readonly error?: unknown },
  { call, attempt }: RequestFacts,
): void {
  const facts = { scope, key, call, attempt };
  notify(onEvent, event === "handler-failed" ? { type: event, ...facts, error } : { type: event, ...facts });
}
