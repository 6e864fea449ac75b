import { openInbox, rejectedError } from "../../../../packages/once-again/src/messaging/inbox/index.ts";
import {
  deliveriesTo,
  type Deliveries,
} from "../../../../packages/once-again/src/messaging/inbox/consumers/settle-delivery.ts";
import type {
  Inbox,
  InboxVerdict,
  MessageExecution,
  MessageWork,
} from "../../../../packages/once-again/src/messaging/inbox/index.ts";
import type { ReconcileMessage } from "../../../../packages/once-again/src/messaging/inbox/inbox-options.ts";
import { exponentialBackoff } from "../../../../packages/once-again/src/retry/index.ts";
import type { Ground } from "../ground.ts";
import { carryOutOrder, orderIn, promisedEffects } from "../handler.ts";
import type { SimulatedProcess } from "../simulated-process.ts";
import type { MessageBroker } from "./message-broker.ts";
import type { MessagePlan } from "./plan.ts";

/** A process with the real inbox in it, and with what settles deliveries. */
export interface ConsumerProcess {
  readonly process: SimulatedProcess;
  start(): void;
  crashed(): void;
  /** Ends in good order, as a process does on a signal. */
  close(): Promise<void>;
}

/** @param consumer its name, the scope of its effects. */
export function consumerProcess(
  ground: Ground<MessagePlan>,
  process: SimulatedProcess,
  consumer: string,
  broker: MessageBroker,
): ConsumerProcess {
  const { scene, executions, effects } = ground;
  const { diary, plan, random } = scene;
  /** How many verdicts are on their way to the broker. */
  let decided = 0;
  let end = async (): Promise<void> => undefined;

  const work = async <Transaction>(id: string, execution: MessageExecution<Transaction>): Promise<void> => {
    // A run before this one has failed.
    executions.end(process, { scope: consumer, key: id });
    const run = executions.begin({
      scope: consumer,
      key: id,
      process,
      inTransaction: execution.transaction !== undefined,
    });
    const { status } = await carryOutOrder(ground, run, execution, id).finally(() => (run.isAnswered = true));
    if (status === 402) throw rejectedError("Declined.");
  };
  const reconcile: ReconcileMessage = async ({ fence }, { id }) => {
    const found = await effects.look(process, { scope: consumer, key: id, fence });
    const isWhole = promisedEffects(id).every((name) => found.some((effect) => effect.name === name));
    return isWhole ? { found: undefined } : { absent: "fenced" };
  };
  const rules = {
    consumer,
    clock: process.clock,
    random,
    secret: new Uint8Array(16),
    leaseMs: plan.leaseMs,
    storeMsMax: 400,
    handlerMsMax: plan.handlerMsMax,
    deliveriesMax: plan.deliveriesMax,
    backoff: exponentialBackoff({ baseMs: 50, capMs: 1000 }),
    onError: () => undefined,
    onEvent: ({ type }: { type: string }) => {
      if (type === "lease-lost") diary.window("lease lost while it worked");
    },
  };
  const subscribe = <Transaction>(inbox: Inbox<Transaction>): void => {
    const watched: Inbox<Transaction> = {
      ...inbox,
      async handle(message, given, options) {
        const verdict = await inbox.handle(message, given, options);
        executions.end(process, { scope: consumer, key: orderIn(message.body) });
        note(verdict, message.deliveries ?? 1);
        return verdict;
      },
    };
    const run: MessageWork<Transaction> = (message, execution) => work(orderIn(message.body), execution);
    const deliveries: Deliveries = deliveriesTo(
      { inbox: watched, onError: () => undefined },
      run,
      broker.lettersFrom(process, consumer),
      { clock: process.clock, random },
    );
    const unsubscribe = broker.subscribe({
      process,
      consumer,
      async handle(message) {
        const settled = await deliveries.handle(message);
        if (settled === "acknowledge") decided -= 1;
        return settled;
      },
    });
    end = async () => {
      unsubscribe();
      await Promise.all([deliveries.close(), inbox.close()]);
    };
  };
  const note = (verdict: InboxVerdict, deliveries: number): void => {
    if (verdict.action !== "give-back") decided += 1;
    if (verdict.action !== "acknowledge" || !verdict.isRepeat) return;
    diary.window("repeat of a handled message");
    if (deliveries > plan.deliveriesMax) diary.window("delivered too often, and its effect was there");
  };
  return {
    process,
    start() {
      decided = 0;
      if (plan.mode === "transactional") {
        subscribe(openInbox({ ...rules, mode: "transactional", store: ground.database.storeOf(process) }));
        return;
      }
      const onUnknown = { hold: "hold", "rerun-keyed": "rerun", "reconcile-fenced": reconcile } as const;
      subscribe(openInbox({ ...rules, store: ground.storeOf(process), onUnknown: onUnknown[plan.mode] }));
    },
    crashed() {
      if (decided > 0) diary.window("consumer died between verdict and acknowledgement");
    },
    close: () => end(),
  };
}
