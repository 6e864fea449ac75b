import type { MessageFacts } from "../engine/engine.ts";
import type { Latest } from "./out-of-order-events.ts";

/** Holds the rules of a webhook route in its options. A symbol, so that the options of other routes don't show it. */
export const webhookRouteRules: unique symbol = Symbol.for("once-again.webhook-route-rules");

/** The options of a route that names its operations by the whole request: the route of `webhookRoute`. */
export interface WebhookRoute {
  readonly [webhookRouteRules]?: WebhookRouteRules | undefined;
}

/** The rules that only a webhook route has. */
export interface WebhookRouteRules {
  /**
   * Names the operation of a request by all of it, its raw body too, in the place of the key's header. Every method takes a
   * key then, and a request that it does not believe is refused with 401 before the store is asked.
   */
  readonly identify: Identify;
  /**
   * In transactional mode: which object a message is about, and how new it is. One that is older than what was handled of
   * the same object does not run: its sender gets 200, and its repeats the same. A high-water mark, which moves in the
   * handler's transaction, decides that. Default: every message runs.
   */
  readonly latest?: Latest | undefined;
}

/** A request as a route's own rule sees it, read to its end. */
export interface ReceivedRequest {
  readonly method: string;
  /** The full path as it was sent, without the query. */
  readonly path: string;
  readonly query: string;
  /** The `Content-Type` header, or an empty string. */
  readonly contentType: string;
  /** The body, byte for byte as it came. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The value of one header, by its name in any case; `undefined` for one that is missing, or came more than once. */
  readonly header: (name: string) => string | undefined;
}

/** The answer of a route's own rule to a request that it believes. */
export interface IdentifiedRequest {
  /** Names the operation, 1 to 255 characters. */
  readonly key: string;
  /** The facts for its handler, as `execution.event`. */
  readonly event: MessageFacts;
}

/**
 * Names the operation of a request by all of it, in the place of the key's header. `undefined`: it is not to be believed. It
 * is refused with 401 then, and the store is not asked.
 */
export type Identify = (
  request: ReceivedRequest,
) => IdentifiedRequest | undefined | Promise<IdentifiedRequest | undefined>;
