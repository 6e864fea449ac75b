import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { sqliteOutbox } from "once-again/stores/sqlite";
import { type CallerName, callerNames } from "../../caller-name.ts";
import { ledgerTail } from "../../ledger.ts";
import { type Cleanup, cleanUp } from "../../live/cleanups.ts";
import { liveProcess } from "../../live/live-process.ts";
import type { ProcessView } from "../../live/live-protocol.ts";
import type { StagedRun } from "../../live/live-stage.ts";
import type { Order } from "../../orders.ts";
import { type BrokerChoice, openBroker } from "../brokers/open-broker.ts";
import { messagesCrashes } from "../crashes.ts";
import { ledgerFile, type MessagesRun, serviceFile, startMessagesRun } from "../messages-run.ts";
import { savedOrders } from "../order-services.ts";
import type { MessagesBook } from "./messages-book.ts";
import type { MessagesSettings, RoleName } from "./messages-protocol.ts";
import { slowness } from "./messages-settings.ts";

/** A run of the story of messages that can be watched. */
export interface LiveMessagesRun extends StagedRun {
  readonly processes: Readonly<Record<CallerName, Readonly<Record<RoleName, ProcessView>>>>;
  setOpen(isOpen: boolean): void;
  step(): void;
  /** Reads what is new in the ledger. */
  readLedger(): void;
  /** Kills a process of both sides, so that both have the same luck. Says whether it did: not when one of them is over. */
  kill(role: RoleName): Promise<boolean>;
}

/** The parts of a run. */
export interface LiveMessagesParts {
  readonly orders: readonly Order[];
  readonly settings: MessagesSettings;
  readonly broker: BrokerChoice;
  readonly book: MessagesBook;
  /** Called when there is something new to see. */
  readonly onChange: () => void;
}

/** How often the outbox and the broker are asked how much they have, milliseconds. */
const measureMs = 200;

/** Starts the processes, with all orders held back, in a folder that goes with them. */
export async function startLiveMessages(parts: LiveMessagesParts): Promise<LiveMessagesRun> {
  const stop = new AbortController();
  const cleanups: Cleanup[] = [];
  try {
    return await startIn(parts, stop, cleanups);
  } catch (error) {
    stop.abort(error);
    await cleanUp(cleanups);
    throw error;
  }
}

async function startIn(
  { orders, settings, broker: choice, book, onChange }: LiveMessagesParts,
  stop: AbortController,
  cleanups: Cleanup[],
): Promise<LiveMessagesRun> {
  const { signal } = stop;
  const folder = await mkdtemp(join(tmpdir(), "once-again-lab-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const broker = await openBroker(choice, settings);
  cleanups.push(() => broker[Symbol.asyncDispose]());
  const run = startMessagesRun({
    ...settings,
    orders,
    broker,
    folder,
    signal,
    slowness: slowness[settings.speed],
    isOpen: false,
    onReport(side, report) {
      book.hear(side, report);
      crashes.note(report);
      onChange();
    },
  });
  cleanups.push(() => run[Symbol.asyncDispose]());
  const ledger = ledgerTail(ledgerFile(folder));
  cleanups.push(async () => ledger.close());
  const outbox = sqliteOutbox({ path: serviceFile(folder, "safe") });
  cleanups.push(() => outbox.close());

  const killable = killableSides(run, { book, stop, onChange });
  const crashes = messagesCrashes(orders.length, killable.kill, (error) => stop.abort(error));
  const drained = run.drained(async () => {
    const lastKill = killable.end();
    await crashes.settled();
    await lastKill;
  });
  const measureSide = async (side: CallerName, outboxRows: number): Promise<void> => {
    const saved = savedOrders(serviceFile(folder, side)).size;
    book.measure(side, { saved, outbox: outboxRows, queued: await broker.waiting(side) });
  };
  const measure = async (): Promise<void> => {
    await measureSide("careless", 0);
    await measureSide("safe", (await outbox.backlog()).messages);
    onChange();
  };
  const measuring = repeat(measure, signal).catch((error: unknown) => stop.abort(error));
  return {
    done: drained.then(measure),
    get processes() {
      return killable.views();
    },
    setOpen: (isOpen) => run.setOpen(isOpen),
    step: () => run.step(),
    readLedger() {
      for (const row of ledger.next()) book.ship(row);
    },
    kill: killable.kill,
    async [Symbol.asyncDispose]() {
      stop.abort();
      // Nothing is taken away under those who still use it.
      await Promise.allSettled([drained, measuring, killable.end()]);
      await cleanUp(cleanups);
    },
  };
}

/** Does it again and again, until the signal aborts or it fails. */
async function repeat(measure: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (;;) {
    await measure();
    await sleep(systemClock, measureMs, signal);
  }
}

/** The processes of both sides, which are killed together. */
function killableSides(
  run: MessagesRun,
  { book, stop, onChange }: Pick<LiveMessagesParts, "book" | "onChange"> & { readonly stop: AbortController },
) {
  const live = (side: CallerName, role: RoleName) => {
    const process = run.processes[side][role];
    return liveProcess({ process, isOver: () => process.isOver, stop, onChange });
  };
  const liveSide = (side: CallerName) => ({ service: live(side, "service"), shipping: live(side, "shipping") });
  const processes = { careless: liveSide("careless"), safe: liveSide("safe") };
  let mayKill = true;
  let lastKill = Promise.resolve(true);
  const killBoth = async (role: RoleName): Promise<boolean> => {
    if (!mayKill || callerNames.some((side) => processes[side][role].view.state !== "alive")) return false;
    for (const side of callerNames) book.kill(side, role);
    await Promise.all(callerNames.map((side) => processes[side][role].kill()));
    return true;
  };
  const viewsOf = (side: CallerName) => ({
    service: processes[side].service.view,
    shipping: processes[side].shipping.view,
  });
  return {
    kill: (role: RoleName): Promise<boolean> => (lastKill = lastKill.then(() => killBoth(role))),
    /** No process is killed from now on; waits for the one that is just killed to be back. */
    async end(): Promise<void> {
      mayKill = false;
      await lastKill;
    },
    views: () => ({ careless: viewsOf("careless"), safe: viewsOf("safe") }),
  };
}
