import { systemClock } from "once-again/internal";
import { type CallerName, callerNames } from "../caller-name.ts";
import { audit, readCharges } from "../ledger.ts";
import { runStory, type StoryOptions, type StoryRun } from "../run-story.ts";
import type { LabBroker } from "./brokers/broker.ts";
import type { MessagesResult, SideResult } from "./messages-result.ts";
import { messagesCrashes } from "./crashes.ts";
import { messageFaultsMax, type RoleName } from "./live/messages-protocol.ts";
import { ledgerFile, type MessagesRun, serviceFile, startMessagesRun } from "./messages-run.ts";
import { savedOrders } from "./order-services.ts";
import { countReport, noCounts, type SideCounts } from "./side-counts.ts";

/** The options of the story of messages. */
export interface MessagesLabOptions extends StoryOptions {
  /** Share of the messages, confirmations and acknowledgements that meet a fault, 0 to 0.9. Default 0.3. */
  readonly faults?: number | undefined;
  /** Between the two of each side. It stays open. */
  readonly broker: LabBroker;
}

/**
 * Has two order services save the same orders and announce them to a broker, and two shippings ship what is announced: a
 * careless pair, and one with outbox and inbox. The way to the broker and back has the same faults, and the processes are
 * killed at the same moments. Then the ledger is held against the orders.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds; the signal's reason when it aborts; Error when
 *   a process ends by itself.
 */
export const runMessagesLab = (options: MessagesLabOptions): Promise<MessagesResult> =>
  runStory(options, { faultsMax: messageFaultsMax, run: runMessages });

async function runMessages(running: StoryRun<MessagesLabOptions>): Promise<MessagesResult> {
  const { orders, faults, seed, broker, folder, onProgress } = running;
  const stop = new AbortController();
  const fail = (error: unknown): void => stop.abort(error);
  const signal = running.signal === undefined ? stop.signal : AbortSignal.any([running.signal, stop.signal]);
  const total = orders.length * callerNames.length;
  const counts: Record<CallerName, SideCounts> = { careless: noCounts, safe: noCounts };
  const scheduled = messagesCrashes(orders.length, (role) => crashBoth(run, role), fail);
  const startedAt = systemClock.monotonic();

  await using run = startMessagesRun({
    ...running,
    slowness: 1,
    isOpen: true,
    signal,
    onReport(side, report) {
      counts[side] = countReport(counts[side], report);
      scheduled.note(report);
      if (report.event === "saved") onProgress?.(counts.careless.saved + counts.safe.saved, total);
    },
  });
  const crashes = await run.drained(() => scheduled.settled());
  signal.throwIfAborted();
  const timeMs = Math.round(systemClock.monotonic() - startedAt);

  const resultOf = async (side: CallerName): Promise<SideResult> => {
    const { charges, ...audited } = await audit(orders, readCharges(ledgerFile(folder), side));
    const { publishes, deliveries } = counts[side];
    const saved = savedOrders(serviceFile(folder, side)).size;
    return { orders: orders.length, saved, shipments: charges, ...audited, publishes, deliveries, timeMs };
  };
  const sides = { careless: await resultOf("careless"), safe: await resultOf("safe") };
  return { seed, faults, broker: broker.address.kind, crashes, ...sides };
}

/** Kills a process of both sides, unless one is over (`false`): then only the other would have the crash. */
async function crashBoth({ processes }: MessagesRun, role: RoleName): Promise<boolean> {
  const both = callerNames.map((side) => processes[side][role]);
  if (both.some(({ isOver }) => isOver)) return false;
  await Promise.all(both.map((process) => process.crash()));
  return true;
}
