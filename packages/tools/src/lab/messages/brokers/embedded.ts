import process from "node:process";
import type { InboxMessage } from "once-again/inbox";
import type { CallerName } from "../../caller-name.ts";
import { drawFault, type LabFaults } from "../../fault-plan.ts";
import { atLeastOnceQueue, type Delivery } from "./at-least-once-queue.ts";
import type { BrokerLink, LabBroker } from "./broker.ts";

/** A message on its way over IPC, which carries texts. */
interface Envelope {
  readonly id: string;
  readonly topic: string;
  readonly body: string;
}

/** A message of a process to the broker. */
type ToBroker =
  | { readonly publish: Envelope; readonly number: number }
  | { readonly consume: number }
  | { readonly settle: number; readonly end: "acknowledge" | "give-back" };

/** A message of the broker to a process. */
type FromBroker = { readonly confirmed: number } | { readonly delivery: Delivery<Envelope> };

/**
 * The broker in the lab's own process: it outlives all others. It confirms what it has, and some messages come twice by
 * themselves, as after the failover of a broker.
 */
export function embeddedBroker(faults: LabFaults): LabBroker {
  const queues = { careless: atLeastOnceQueue<Envelope>(), safe: atLeastOnceQueue<Envelope>() };
  const published = new Map<string, number>();

  /** Whether the n-th message of this topic and text comes twice; both sides have the same luck. */
  const comesTwice = (side: CallerName, { body }: Envelope): boolean => {
    const name = `${side} ${body}`;
    const count = (published.get(name) ?? 0) + 1;
    published.set(name, count);
    return drawFault(faults, `copy ${body}`, count).scenario === "lose-answer";
  };
  return {
    address: { kind: "embedded", url: "", prefix: "" },
    attach(side, child) {
      const queue = queues[side];
      const send = (message: FromBroker): void => void (child.connected && child.send(message, () => undefined));
      let stop = (): void => undefined;
      child.on("message", (message: ToBroker | { readonly event: string }) => {
        if ("publish" in message) {
          queue.add(message.publish);
          if (comesTwice(side, message.publish)) queue.add(message.publish);
          send({ confirmed: message.number });
        } else if ("consume" in message) stop = queue.consume(message.consume, (delivery) => send({ delivery }));
        else if ("settle" in message) queue.settle(message.settle, message.end);
      });
      child.once("exit", () => stop());
    },
    waiting: async (side) => queues[side].waiting,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** The other end of it, in a process of a side. */
export function embeddedLink(): BrokerLink {
  const confirmations = new Map<number, () => void>();
  let onDelivery = (_delivery: Delivery<Envelope>): void => undefined;
  let count = 0;
  const send = (message: ToBroker): void => void process.send?.(message);
  process.on("message", (message: FromBroker | string) => {
    if (typeof message === "string") return;
    if ("confirmed" in message) {
      confirmations.get(message.confirmed)?.();
      confirmations.delete(message.confirmed);
    } else if ("delivery" in message) onDelivery(message.delivery);
  });
  return {
    publish({ id, topic, body }) {
      count += 1;
      const confirmed = new Promise<void>((resolve) => confirmations.set(count, resolve));
      send({ publish: { id, topic, body: new TextDecoder().decode(body) }, number: count });
      return confirmed;
    },
    async consume(inbox, concurrency, work) {
      const running = new Set<Promise<void>>();
      const handle = async ({ tag, message, deliveries }: Delivery<Envelope>): Promise<void> => {
        const verdict = await inbox.handle({ ...inboxMessageOf(message), deliveries }, work);
        if (verdict.action === "dead-letter") throw new Error(`A dead letter in the lab: ${verdict.detail}`);
        send({ settle: tag, end: verdict.action });
      };
      let isClosing = false;
      onDelivery = (delivery) => {
        if (isClosing) return;
        const handled: Promise<void> = handle(delivery).finally(() => running.delete(handled));
        running.add(handled);
      };
      send({ consume: concurrency });
      const close = async (): Promise<void> => {
        isClosing = true;
        await Promise.all(running);
      };
      return { close, [Symbol.asyncDispose]: close };
    },
    close: async () => undefined,
  };
}

const inboxMessageOf = ({ id, topic, body }: Envelope): InboxMessage => ({
  id,
  topic,
  headers: {},
  body: new TextEncoder().encode(body),
});
