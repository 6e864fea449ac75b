import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import type { Inbox } from "once-again/inbox";
import { type Publish, refusedError, unavailableError } from "once-again/outbox";
import type { Fault, Scenario } from "@once-again/testing";
import { drawFault } from "../fault-plan.ts";
import { orderOf } from "./order-message.ts";
import type { SideTask } from "./side-task.ts";

type Faults = Pick<SideTask, "seed" | "faults" | "slowness">;

/** Counts from 1 for each name. */
function counter(): (name: string) => number {
  const counts = new Map<string, number>();
  return (name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count;
  };
}

const pause = (ms: number): Promise<void> => sleep(systemClock, ms);

/**
 * The way to the broker: messages are delayed, get lost, are refused, and their confirmations get lost. The n-th message of
 * an order has the same fault on both sides.
 */
export function faultyPublish(
  publish: Publish,
  faults: Faults,
  onSent: (order: string, scenario: Scenario) => void,
): Publish {
  const next = counter();
  return async (message, context) => {
    const order = orderOf(message).id;
    const fault = drawFault(faults, `publish ${order}`, next(order));
    await pause((fault.requestDelayMs ?? 0) * faults.slowness);
    onSent(order, fault.scenario);
    if (fault.scenario === "lose-request") return lose(fault, context.signal, "The message was lost.");
    if (fault.scenario === "fail") throw refusedError("The broker is overloaded.");
    const confirmation = await publish(message, context);
    await pause((fault.answerDelayMs ?? 0) * faults.slowness);
    if (fault.scenario === "lose-answer") return lose(fault, context.signal, "The confirmation was lost.");
    return confirmation;
  };
}

/** The end of a lost message for its publisher: a broken connection, or silence until it gives up. */
async function lose(fault: Fault, signal: AbortSignal, what: string): Promise<never> {
  if ("manner" in fault && fault.manner === "silence" && !signal.aborted) {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }
  throw unavailableError(what);
}

/** The way back from a consumer: acknowledgements are delayed and get lost, so messages come again. */
export function faultyAcknowledgements<Transaction>(
  inbox: Inbox<Transaction>,
  faults: Faults,
  hear: {
    onHandled: (order: string, isRepeat: boolean) => void;
    onAcknowledged: (order: string, isLost: boolean) => void;
  },
): Inbox<Transaction> {
  const next = counter();
  return {
    ...inbox,
    async handle(message, work, options) {
      // A message is handled again in the place where the broker would deliver it again.
      for (let deliveries = message.deliveries ?? 1; ; deliveries += 1) {
        const verdict = await inbox.handle({ ...message, deliveries }, work, options);
        if (verdict.action !== "acknowledge") return verdict;
        const order = orderOf(message).id;
        hear.onHandled(order, verdict.isRepeat);
        const fault = drawFault(faults, `acknowledge ${order}`, next(order));
        await pause((fault.answerDelayMs ?? 0) * faults.slowness);
        const isLost = fault.scenario === "lose-answer";
        hear.onAcknowledged(order, isLost);
        if (!isLost) return verdict;
      }
    },
  };
}
