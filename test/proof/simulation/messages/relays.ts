import { openRelay, type Publish, type Relay } from "../../../../packages/once-again/src/messaging/outbox/index.ts";
import { exponentialBackoff } from "../../../../packages/once-again/src/retry/index.ts";
import type { Scene } from "../scene.ts";
import { type SimulatedProcess } from "../simulated-process.ts";
import type { MessageLedger } from "./ledger.ts";
import type { MessageBroker } from "./message-broker.ts";
import type { OutboxDatabase } from "./outbox-database.ts";
import type { MessagePlan } from "./plan.ts";

/** A process with the real relay in it. */
export interface RelayProcess {
  readonly process: SimulatedProcess;
  start(): void;
  /** Drops the messages that it had in hand when it died. */
  crashed(): void;
  close(): Promise<void>;
}

export function relayProcess(
  scene: Scene<MessagePlan>,
  process: SimulatedProcess,
  database: OutboxDatabase,
  broker: MessageBroker,
  ledger: MessageLedger,
): RelayProcess {
  const { diary, plan, random } = scene;
  /** The messages that are with the broker, or confirmed by it and not removed. */
  let inHand = new Map<string, "sent" | "taken" | "confirmed">();
  let relay: Relay | undefined;

  const start = (): void => {
    inHand = new Map();
    const mine = inHand;
    const send = broker.publishFrom(process, ({ id }) => {
      if (mine.get(id) === "sent") mine.set(id, "taken");
      const holder = database.holderOf(id);
      if (holder !== undefined && holder !== process) diary.window("relay published what was taken over meanwhile");
    });
    const publish: Publish = async (message, context) => {
      mine.set(message.id, "sent");
      try {
        const confirmation = await send(message, context);
        mine.set(message.id, "confirmed");
        return confirmation;
      } catch (error) {
        mine.delete(message.id);
        throw error;
      }
    };
    const source = database.sourceOf(process);
    relay = openRelay({
      outbox: {
        ...source,
        async confirm(positions) {
          await source.confirm(positions);
          for (const [id, stage] of mine)
            if (stage === "confirmed" && database.holderOf(id) === undefined) mine.delete(id);
        },
      },
      publish,
      clock: process.clock,
      random,
      leaseMs: plan.relayLeaseMs,
      publishMsMax: Math.floor(plan.relayLeaseMs / 2),
      concurrency: plan.concurrency,
      messagesPerKey: plan.messagesPerKey,
      refusalsMax: plan.refusalsMax,
      parked: plan.parked,
      pollMs: 400,
      backoff: exponentialBackoff({ baseMs: 50, capMs: 800 }),
      pauseBackoff: exponentialBackoff({ baseMs: 30, capMs: 500 }),
      onError: () => undefined,
      onEvent(event) {
        if (event.type === "parked" && !event.blocks) ledger.pass(event.id);
      },
    });
  };
  return {
    process,
    start,
    crashed() {
      const stages = [...inHand.values()];
      if (stages.includes("taken")) diary.window("relay died, and the broker had its message unconfirmed");
      if (stages.includes("confirmed")) diary.window("relay died between confirmation and removal");
    },
    async close() {
      const stages = [...inHand.values()];
      if (stages.includes("sent") || stages.includes("taken")) diary.window("relay closed while it published");
      await relay?.close();
    },
  };
}
