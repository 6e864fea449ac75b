import type { MessageFacts } from "../engine/engine.ts";

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

/** A message that its route believes, read already. */
export interface IdentifiedMessage {
  readonly event: MessageFacts;
  readonly body: Uint8Array<ArrayBuffer>;
}
