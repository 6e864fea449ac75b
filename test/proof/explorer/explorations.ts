import type { InvariantName } from "../invariants.ts";
import { configurations, withDeliveries } from "./configuration.ts";
import { type Exploration, explore } from "./explore.ts";
import { keyModel } from "./key-model.ts";
import { messageConfigurations } from "./messages/configuration.ts";
import { markConfigurations } from "./messages/mark-configurations.ts";
import { messageModel } from "./messages/message-model.ts";
import { stepsConfigurations } from "./steps/configuration.ts";
import { stepsModel } from "./steps/steps-model.ts";

/** A configuration, whatever it is of, that can be explored. */
export interface NamedExploration {
  readonly name: string;
  readonly about: string;
  readonly expected: "clean" | InvariantName;
  run(deliveries: number, onProgress?: (states: number) => void): Exploration;
}

/** All of them: those of a key, of a handler in steps, and of messages. */
export const explorations: readonly NamedExploration[] = [
  ...configurations.map((configuration) => ({
    ...configuration,
    run: (deliveries: number, onProgress?: (states: number) => void) =>
      explore(keyModel(withDeliveries(configuration, deliveries)), configuration.expected, onProgress),
  })),
  ...stepsConfigurations.map((configuration) => ({
    ...configuration,
    run: (deliveries: number, onProgress?: (states: number) => void) =>
      explore(stepsModel(configuration, deliveries), configuration.expected, onProgress),
  })),
  ...[...messageConfigurations, ...markConfigurations].map((configuration) => ({
    ...configuration,
    run: (deliveries: number, onProgress?: (states: number) => void) =>
      explore(messageModel(configuration, deliveries), configuration.expected, onProgress),
  })),
];
