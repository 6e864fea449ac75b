/** One delivery of a message. */
export interface Delivery<Message> {
  /** Names this delivery, to settle it by. */
  readonly tag: number;
  readonly message: Message;
  /** How often the message has been delivered, this time included. */
  readonly deliveries: number;
}

/**
 * A queue as brokers have it: a message stays until it is acknowledged. What was given back, or was with a consumer that is
 * gone, is delivered again, behind the others. It deduplicates nothing.
 */
export interface AtLeastOnceQueue<Message> {
  add(message: Message): void;
  /** Delivers to one consumer, at most `prefetch` unacknowledged at a time, until the returned function is called. */
  consume(prefetch: number, deliver: (delivery: Delivery<Message>) => void): () => void;
  /** A delivery that is no longer the consumer's is left as it is. */
  settle(tag: number, end: "acknowledge" | "give-back"): void;
  /** How many messages are not acknowledged. */
  readonly waiting: number;
}

interface Waiting<Message> {
  readonly message: Message;
  readonly delivered: number;
}

export function atLeastOnceQueue<Message>(): AtLeastOnceQueue<Message> {
  const ready: Waiting<Message>[] = [];
  const unacknowledged = new Map<number, Waiting<Message>>();
  let consumer: { prefetch: number; deliver: (delivery: Delivery<Message>) => void } | undefined;
  let tags = 0;

  const deliverAll = (): void => {
    for (;;) {
      if (consumer === undefined || unacknowledged.size >= consumer.prefetch) return;
      const next = ready.shift();
      if (next === undefined) return;
      const delivered = { message: next.message, delivered: next.delivered + 1 };
      tags += 1;
      unacknowledged.set(tags, delivered);
      consumer.deliver({ tag: tags, message: next.message, deliveries: delivered.delivered });
    }
  };
  return {
    add(message) {
      ready.push({ message, delivered: 0 });
      deliverAll();
    },
    consume(prefetch, deliver) {
      const own = { prefetch, deliver };
      consumer = own;
      deliverAll();
      return () => {
        if (consumer !== own) return;
        consumer = undefined;
        ready.push(...unacknowledged.values());
        unacknowledged.clear();
      };
    },
    settle(tag, end) {
      const settled = unacknowledged.get(tag);
      if (settled === undefined) return;
      unacknowledged.delete(tag);
      if (end === "give-back") ready.push(settled);
      deliverAll();
    },
    get waiting() {
      return ready.length + unacknowledged.size;
    },
  };
}
