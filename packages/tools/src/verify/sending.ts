import type { TestRequest } from "./test-request.ts";

/** How requests are sent. Each brings an answer to each request, except where it says otherwise. */
export type SendMode =
  /** One after the other, each over a separate connection. */
  | "in-turn"
  /** One after the other, over one connection. */
  | "keep-alive"
  /** All over one connection, without waiting for answers (RFC 9112, section 9.3.2); may bring fewer answers. */
  | "pipelined"
  /** Each over a separate connection; all are there but for their last byte, and then these leave at once. */
  | "together"
  /** Each over a separate connection, a few milliseconds apart. */
  | "staggered"
  /** In small pieces with pauses. */
  | "in-pieces"
  /** With `Expect: 100-continue`, and the body after a pause at most (RFC 9110, section 10.1.1). */
  | "expect-continue"
  /** Whole, and the connection closed before an answer: brings none. */
  | "then-close"
  /** Whole, and the connection reset before an answer: brings none. */
  | "then-reset"
  /** Whole, and the connection reset at the first byte of the answer: brings none. */
  | "reset-in-answer"
  /** Half of the body, and then the connection closed: brings none. */
  | "half-then-close"
  /** Half of the first request, which then stands still, while the second is sent whole: brings the second's answer. */
  | "beside-a-stalled";

/** Requests that are sent together, and how. */
export interface Sending {
  readonly mode: SendMode;
  readonly requests: readonly TestRequest[];
}
