import { type InboxMessage, readJson } from "once-again/inbox";
import type { NewMessage } from "once-again/outbox";
import type { Order } from "../orders.ts";

/** The message that an order was placed. */
export function orderMessage(order: Order): NewMessage {
  return { topic: "order.placed", body: order };
}

/** The order that a message is about. */
export function orderOf({ body }: Pick<InboxMessage, "body">): Order {
  return readJson({ body } as InboxMessage) as Order;
}
