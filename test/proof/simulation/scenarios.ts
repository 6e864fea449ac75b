import { runKeysSeed } from "./keys/run-keys-seed.ts";
import { keysFaults, keysWindows } from "./keys/windows.ts";
import { runMessageSeed } from "./messages/run-message-seed.ts";
import { messageFaults, messageWindows } from "./messages/windows.ts";
import { runSeed, type SeedResult } from "./run-seed.ts";
import { faults, windows } from "./windows.ts";

/** Something that can be simulated, seed by seed. */
interface Scenario {
  /** The windows that its faults have to hit. */
  readonly windows: readonly string[];
  readonly faults: readonly string[];
  play(seed: number): Promise<SeedResult>;
}

/** The scenarios: requests with their keys, messages from a transaction to their effect, or callers that name no server. */
export const scenarios = {
  requests: { windows, faults, play: (seed) => runSeed(seed) },
  messages: { windows: messageWindows, faults: messageFaults, play: (seed) => runMessageSeed(seed) },
  keys: { windows: keysWindows, faults: keysFaults, play: runKeysSeed },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;
