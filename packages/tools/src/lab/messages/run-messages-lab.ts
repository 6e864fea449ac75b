import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkNumber, invalidOptionError, systemClock } from "once-again/internal";
import { type CallerName, callerNames } from "../caller-name.ts";
import { audit, readCharges } from "../ledger.ts";
import type { Order } from "../orders.ts";
import type { LabBroker } from "./brokers/broker.ts";
import type { MessagesResult, SideResult } from "./messages-result.ts";
import { messagesCrashes } from "./crashes.ts";
import { messageFaultsMax, type RoleName } from "./live/messages-protocol.ts";
import { ledgerFile, type MessagesRun, serviceFile, startMessagesRun } from "./messages-run.ts";
import { savedOrders } from "./order-services.ts";
import { countReport, noCounts, type SideCounts } from "./side-counts.ts";

/** The options of the story of messages. */
export interface MessagesLabOptions {
  /** Both sides save and ship these: at least one, each with another id. */
  readonly orders: readonly Order[];
  /** Share of the messages, confirmations and acknowledgements that meet a fault, 0 to 0.9. Default 0.3. */
  readonly faults?: number | undefined;
  /** The same seed brings the same faults to the same messages. A whole number from 0 to 2^53 - 1, default 1. */
  readonly seed?: number | undefined;
  /** How many orders and messages each process has under way at a time: 1 to 256, default 8. */
  readonly callers?: number | undefined;
  /** Between the two of each side. It stays open. */
  readonly broker: LabBroker;
  /** Ends the run early. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each order that is saved, of both sides together. */
  readonly onProgress?: ((saved: number, total: number) => void) | undefined;
}

/**
 * Has two order services save the same orders and announce them to a broker, and two shippings ship what is announced: a
 * careless pair, and one with outbox and inbox. The way to the broker and back has the same faults, and the processes are
 * killed at the same moments. Then the ledger is held against the orders.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds; the signal's reason when it aborts; Error when
 *   a process ends by itself.
 */
export async function runMessagesLab(options: MessagesLabOptions): Promise<MessagesResult> {
  const settings = {
    faults: checkNumber("faults", options.faults ?? 0.3, { min: 0, max: messageFaultsMax }),
    seed: checkNumber("seed", options.seed ?? 1, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
    concurrency: checkNumber("callers", options.callers ?? 8, { min: 1, max: 256, integer: true }),
  };
  if (options.orders.length === 0) throw invalidOptionError("orders", "at least one order", "none");
  const folder = await mkdtemp(join(tmpdir(), "once-again-lab-"));
  try {
    return await runInFolder({ ...options, ...settings, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Running = MessagesLabOptions &
  Pick<Parameters<typeof startMessagesRun>[0], "faults" | "seed" | "concurrency" | "folder">;

async function runInFolder(running: Running): Promise<MessagesResult> {
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
