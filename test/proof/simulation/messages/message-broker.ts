import { sleep } from "../../../../packages/once-again/src/core/clock.ts";
import {
  type OutboxMessage,
  type Publish,
  refusedError,
  unavailableError,
} from "../../../../packages/once-again/src/messaging/outbox/index.ts";
import type { InboxMessage } from "../../../../packages/once-again/src/messaging/inbox/index.ts";
import { uniform } from "../../../../packages/once-again/src/core/random.ts";
import { orderIn } from "../handler.ts";
import { fateOf, remoteCall, type Scene } from "../scene.ts";
import { epochMs, type SimulatedProcess } from "../simulated-process.ts";
import type { MessageLedger } from "./ledger.ts";
import type { MessagePlan } from "./plan.ts";

/** A consumer's process, as the broker knows it. */
export interface Subscription {
  readonly process: SimulatedProcess;
  readonly consumer: string;
  /** Handles a message, and says what becomes of it. */
  handle(message: InboxMessage): Promise<"acknowledge" | "give-back">;
}

/** A broker that delivers at least once: it repeats, reorders, and loses acknowledgements and confirmations. */
export interface MessageBroker {
  /** How many copies wait or are with a consumer. */
  readonly waiting: () => number;
  /** Publishes for a relay. `onTaken` is called when the broker has it, whether or not the relay knows. */
  publishFrom(process: SimulatedProcess, onTaken: (message: OutboxMessage) => void): Publish;
  /** Publishes dead letters of a consumer. */
  lettersFrom(process: SimulatedProcess, consumer: string): Publish;
  /** Delivers to a process, until it ends the subscription or dies. */
  subscribe(subscription: Subscription): () => void;
  /** Makes the messages of a dead process free again. */
  crashed(process: SimulatedProcess): void;
  /** Begins again, for one consumer, where it was before, if it numbers its messages. */
  goBack(): void;
  /** Is away for so long: it takes nothing, and delivers nothing. */
  leave(ms: number): void;
}

interface Copy {
  /** The order that it is about, however repeats of it are found. */
  readonly order: string;
  readonly message: InboxMessage;
  readonly consumer: string;
  deliveries: number;
  by: Subscription | undefined;
}

/** How far back a source may go, numbers. */
const backMax = 6;

/** @param refuses whether the broker won't have a message at present. */
export function messageBroker(
  scene: Scene<MessagePlan>,
  consumers: readonly string[],
  ledger: MessageLedger,
  refuses: (message: OutboxMessage) => boolean,
): MessageBroker {
  const { delay, diary, plan, random, time, unlucky } = scene;
  const copies = new Set<Copy>();
  const isNumbering = plan.mode === "transactional" && plan.repeats !== "by id";
  /** The messages that were taken in each partition, where they are numbered. */
  const logs = new Map<string, InboxMessage[]>();
  const subscriptions = new Set<Subscription>();
  let awayUntilMs = 0;
  const isAway = (): boolean => time.now < awayUntilMs;

  const offer = (copy: Copy): void => {
    // A long delay here is what reorders messages.
    time.after(unlucky(0.05) ? uniform(random, 0, 2000) : delay(), () => deliver(copy));
  };
  const deliver = (copy: Copy): void => {
    if (!copies.has(copy) || copy.by !== undefined) return;
    if (isNumbering && hasEarlier(copy)) return void time.after(uniform(random, 20, 60), () => deliver(copy));
    const mayHave = [...subscriptions].filter(
      (one) => one.consumer === copy.consumer && one.process.isAlive && heldBy(one) < plan.prefetch,
    );
    const to = mayHave[Math.floor(random() * mayHave.length)];
    if (to === undefined || isAway()) return void time.after(uniform(random, 20, 60), () => deliver(copy));
    copy.by = to;
    copy.deliveries += 1;
    const delivery = copy.deliveries;
    const { process } = to;
    const { life } = process;
    process.after(delay(), () => {
      diary.note(`${process.name}: delivery ${delivery} of ${copy.order}`);
      void to.handle({ ...copy.message, deliveries: delivery }).then((end) => {
        if (!process.isAlive || process.life !== life) return;
        settle(copy, to, delivery, end);
      });
    });
    time.after(plan.ackWaitMs, () => {
      if (!copies.has(copy) || copy.deliveries !== delivery || copy.by !== to) return;
      if (process.isAlive && process.life === life && subscriptions.has(to))
        diary.window("delivered again while it was handled");
      copy.by = undefined;
      offer(copy);
    });
  };
  /** Whether one before it in its partition is not acknowledged. */
  const hasEarlier = ({ consumer, message: { position } }: Copy): boolean =>
    [...copies].some(
      (other) =>
        other.consumer === consumer &&
        other.message.position?.partition === position!.partition &&
        other.message.position.sequence < position!.sequence,
    );
  const heldBy = (one: Subscription): number => [...copies].filter(({ by }) => by === one).length;
  const settle = (copy: Copy, from: Subscription, delivery: number, end: "acknowledge" | "give-back"): void => {
    if (copy.by !== from || copy.deliveries !== delivery) return;
    const { order } = copy;
    if (unlucky(plan.networkFaults / 2)) {
      diary.fault("acknowledgement lost");
      if (end === "acknowledge") diary.window("acknowledgement lost");
      return;
    }
    diary.note(`${from.process.name}: ${end} ${order}`);
    if (end === "acknowledge") {
      ledger.acknowledge(copy.consumer, order);
      copies.delete(copy);
      return;
    }
    diary.window("message given back by a consumer that closed");
    copy.by = undefined;
    offer(copy);
  };
  const take = (message: OutboxMessage): void => {
    const { id, orderingKey, topic, headers, body } = message;
    const isKnown = ledger.accepted.some((other) => other.id === id);
    ledger.accept({ id, orderingKey });
    if (isNumbering && isKnown && plan.repeats === "by number") return;
    if (isNumbering && isKnown) diary.window("published twice, and numbered twice");
    const taken = isNumbering ? numbered({ id, topic, headers, body }, orderingKey) : { id, topic, headers, body };
    for (const consumer of consumers) {
      const times = unlucky(0.1) ? 2 : 1;
      if (times === 2) diary.fault("copy delivered twice");
      for (let time = 0; time < times; time += 1) put(taken, consumer);
    }
  };
  const put = (message: InboxMessage, consumer: string): void => {
    const copy: Copy = { order: orderIn(message.body), message, consumer, deliveries: 0, by: undefined };
    copies.add(copy);
    offer(copy);
  };
  /** Numbers leave gaps, and those of a partition grow with the time at which it has stored what they are of. */
  const numbered = (message: InboxMessage, orderingKey: string | undefined): InboxMessage => {
    const partition = `orders/${Number(orderingKey?.slice("key-".length) ?? 0) % plan.partitions}`;
    const log = logs.get(partition) ?? [];
    logs.set(partition, log);
    const sequence = (log.at(-1)?.position?.sequence ?? -1) + (random() < 0.2 ? 3 : 1);
    const position = { partition, sequence, storedAt: epochMs + time.now };
    const taken = { ...message, id: plan.repeats === "by number" ? undefined : message.id, position };
    log.push(taken);
    return taken;
  };
  /** A broker that has much to do takes its time, before it has a message and before it confirms it. */
  const slowly = (process: SimulatedProcess): Promise<void> =>
    sleep(process.clock, scene.isFaulty ? uniform(random, 0, plan.brokerMsMax) : 0);
  /** One way to the broker, whichever message takes it. */
  const send = (process: SimulatedProcess, carryOut: () => void, onFate: (fate: string) => void): Promise<void> => {
    const fate = isAway() ? "lost before" : fateOf(scene, plan.networkFaults / 2);
    onFate(fate);
    return remoteCall(scene, process, fate, carryOut).catch((error: unknown) => {
      throw unavailableError("The broker can't be reached.", error);
    });
  };
  return {
    waiting: () => copies.size,
    publishFrom: (process, onTaken) => async (message) => {
      const { id } = message;
      if (!isAway() && refuses(message)) {
        diary.fault("message refused");
        await remoteCall(scene, process, "answered", () => undefined);
        throw refusedError("This message won't do.");
      }
      if (unlucky(plan.networkFaults / 20)) {
        diary.fault("publish never answered");
        await new Promise(() => undefined);
      }
      await slowly(process);
      let given = "";
      await send(
        process,
        () => {
          if (given === "late") diary.window("publish arrived after it was given up");
          if (given === "lost after") diary.window("broker took it, confirmation lost");
          diary.note(`PUBLISHED by ${process.name}: ${id}, ${given}`);
          take(message);
          onTaken(message);
        },
        (fate) => {
          given = fate;
          if (fate === "lost before") diary.window("publish lost before the broker had it");
          if (fate === "lost before") diary.fault("publish lost");
          if (fate === "lost after") diary.fault("confirmation lost");
          if (fate === "late") diary.fault("publish late");
        },
      );
      await slowly(process);
    },
    lettersFrom:
      (process, consumer) =>
      async ({ headers, body }) => {
        const order = orderIn(body);
        let given = "";
        await send(
          process,
          () => {
            if (given === "lost after") diary.window("dead letter written, confirmation lost");
            const reason = headers["dead-letter-reason"];
            if (reason === "outcome-unknown") diary.window("message with an unknown outcome became a dead letter");
            diary.note(`${process.name}: DEAD LETTER ${order}: ${reason}, ${headers["dead-letter-detail"]}`);
            ledger.letter(consumer, order);
          },
          (fate) => (given = fate),
        );
      },
    subscribe(subscription) {
      subscriptions.add(subscription);
      return () => void subscriptions.delete(subscription);
    },
    crashed(process) {
      for (const one of subscriptions) {
        if (one.process !== process) continue;
        subscriptions.delete(one);
        for (const copy of copies) {
          if (copy.by !== one) continue;
          copy.by = undefined;
          offer(copy);
        }
      }
    },
    goBack() {
      const consumer = consumers[Math.floor(random() * consumers.length)]!;
      const log = [...logs.values()][Math.floor(random() * logs.size)];
      if (log === undefined) return;
      diary.fault("source went back");
      for (const message of log.slice(-Math.ceil(uniform(random, 0, backMax)))) {
        const isThere = [...copies].some((copy) => copy.consumer === consumer && copy.message === message);
        if (isThere) continue;
        diary.window("source began again where it was before");
        diary.note(`${orderIn(message.body)} is there again for ${consumer}`);
        put(message, consumer);
      }
    },
    leave(ms) {
      diary.fault("broker away");
      diary.window("broker away");
      diary.note(`the broker is away for ${ms.toFixed(0)} ms`);
      awayUntilMs = Math.max(awayUntilMs, time.now + ms);
    },
  };
}
