import type { OutboxStore } from "../stores/outbox-store.ts";
import type { Attributes, ObservableResult, ObservingMeter } from "./api.ts";

/** Asks an outbox for its backlog whenever metrics are collected, until what it answers with is called. */
export function observeBacklog(
  meter: ObservingMeter,
  outbox: Pick<OutboxStore<never>, "backlog">,
  attributes: Attributes,
): () => void {
  const gauge = (name: string, unit: string, description: string): never =>
    meter.createObservableGauge(name, { unit, description }) as never;
  const messages = gauge("once_again.outbox.messages", "{message}", "Messages that wait, parked ones among them.");
  const parked = gauge("once_again.outbox.parked", "{message}", "Messages that a person has to decide about.");
  const oldest = gauge("once_again.outbox.oldest", "s", "For how long the oldest waits that is not parked.");
  const observe = async (result: ObservableResult): Promise<void> => {
    const backlog = await outbox.backlog();
    result.observe(messages, backlog.messages, attributes);
    result.observe(parked, backlog.parked, attributes);
    result.observe(oldest, (backlog.oldestMs ?? 0) / 1000, attributes);
  };
  const gauges = [messages, parked, oldest];
  meter.addBatchObservableCallback(observe, gauges);
  return () => meter.removeBatchObservableCallback(observe, gauges);
}
