import type { Model } from "../explore.ts";
import { brokerSteps } from "./broker-steps.ts";
import type { MessageConfiguration } from "./configuration.ts";
import { consumerSteps, recordSteps } from "./consumer-steps.ts";
import { identity } from "./identity.ts";
import { brokenAtTheEnd, brokenIn } from "./invariants.ts";
import { outboxSteps, relaySteps } from "./relay-steps.ts";
import { type MessageStep, type MessageWorld, publishedAlready, startOfMessages } from "./world.ts";
import { writerSteps } from "./writer-steps.ts";

/**
 * Messages on their way from a transaction to an effect.
 *
 * @param deliveries how often a message may be delivered. Each after the first comes of a fault.
 */
export function messageModel(configuration: MessageConfiguration, deliveries: number): Model<MessageWorld> {
  const { keys, begins, consumers, moreFaults } = configuration;
  const first = startOfMessages(keys.length, consumers, deliveries - 1 + moreFaults);
  return {
    first: begins === "published" ? publishedAlready(first) : first,
    identity: (world) => identity(world, configuration),
    stepsFrom: (world) => stepsFrom(world, configuration),
    brokenIn,
    brokenAtTheEnd: (world) => brokenAtTheEnd(world, configuration),
    end: "nothing more happens",
  };
}

function stepsFrom(world: MessageWorld, configuration: MessageConfiguration): MessageStep[] {
  const { writers, relays, consumers } = world;
  return [
    ...writers.flatMap((_writer, message) => writerSteps(world, message, configuration)),
    ...relays.flatMap((_claim, relay) => relaySteps(world, relay, configuration)),
    ...outboxSteps(world, configuration),
    ...brokerSteps(world, configuration),
    ...consumers.flatMap((_consumer, index) => consumerSteps(world, index, configuration)),
    ...recordSteps(world, configuration),
  ];
}
