import type { MessageDocument, OutboxDocument } from "../../admin/message-json.ts";
import type { SampleEvent } from "../sample-watch.ts";

/** An outbox at one time. `at` is milliseconds since the epoch, by this machine's clock. */
export type BacklogSample =
  | (OutboxDocument["backlog"] & {
      readonly at: number;
      /** How long the outbox took to answer, milliseconds. */
      readonly latencyMs: number;
    })
  | { readonly at: number; readonly problem: string };

/** `GET watch` */
export type MessagesEvent = SampleEvent<BacklogSample>;

/** `GET show`: the messages of an id that were tried and wait, mostly one. */
export interface ShownMessages {
  readonly messages: readonly MessageDocument[];
}
