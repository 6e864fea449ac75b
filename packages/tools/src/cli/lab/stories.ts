import type { Command } from "commander";
import { isPaidOnce } from "../../lab/checkout/checkout-result.ts";
import { runCheckoutLab } from "../../lab/checkout/run-checkout-lab.ts";
import { isCorrect } from "../../lab/lab-result.ts";
import { type BrokerChoice, openBroker } from "../../lab/messages/brokers/open-broker.ts";
import { isClean } from "../../lab/messages/messages-result.ts";
import { runMessagesLab } from "../../lab/messages/run-messages-lab.ts";
import type { Order } from "../../lab/orders.ts";
import { runLab } from "../../lab/run-lab.ts";
import { exitCodes, painter } from "once-again/internal/command";
import { formatCheckoutReport } from "./checkout-report-text.ts";
import { formatMessagesReport } from "./messages-report-text.ts";
import { formatLabReport } from "./report-text.ts";

/** A story that the lab can run and print. */
export interface Story {
  /** The things that its progress counts. */
  readonly unit: string;
  run(onProgress: (done: number, total: number) => void): Promise<StoryResult>;
}

/** The end of a story. */
interface StoryResult {
  readonly result: object;
  readonly text: string;
  readonly exitCode: number;
}

/** The flags of a story. */
export interface StoryFlags {
  readonly orders: readonly Order[];
  readonly faults: number;
  readonly seed: number;
  readonly callers: number;
  readonly crash?: boolean | undefined;
  readonly broker?: BrokerChoice | undefined;
  readonly signal: AbortSignal;
}

/** `--story requests`. */
export function requestsStory(flags: StoryFlags): Story {
  return {
    unit: "orders settled",
    async run(onProgress) {
      const result = await runLab({ ...flags, onProgress });
      return { result, text: formatLabReport(result, painter), exitCode: exitCodeOf(result, isCorrect) };
    },
  };
}

/** `--story messages`. */
export function messagesStory(flags: StoryFlags, command: Command): Story {
  return {
    unit: "orders saved",
    async run(onProgress) {
      const choice = flags.broker ?? { kind: "embedded", url: "" };
      await using broker = await openBroker(choice, flags).catch((error: Error) =>
        command.error(`error: can't use the broker: ${error.message || String((error as { code?: unknown }).code)}`),
      );
      const result = await runMessagesLab({ ...flags, broker, onProgress });
      return { result, text: formatMessagesReport(result, painter), exitCode: exitCodeOf(result, isClean) };
    },
  };
}

/** `--story checkout`. */
export function checkoutStory(flags: StoryFlags): Story {
  return {
    unit: "orders paid",
    async run(onProgress) {
      const result = await runCheckoutLab({ ...flags, onProgress });
      return { result, text: formatCheckoutReport(result, painter), exitCode: exitCodeOf(result, isPaidOnce) };
    },
  };
}

/** The careless side is expected to be wrong; the safe one has to be right. */
export function exitCodeOf<Side>(
  { safe }: { readonly careless: Side; readonly safe: Side },
  isRight: (side: Side) => boolean,
): number {
  return isRight(safe) ? exitCodes.fine : exitCodes.bad;
}
