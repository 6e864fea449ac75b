import { type Clock, seededRandom, sleep } from "once-again";
import type { Loss, PayEvent } from "../../../../src/lab/checkout/pay-events.ts";
import { type PageApi, pageApi } from "../page-api.ts";
import { order, ordersUrl as url } from "../page-order.ts";
import { type VirtualTime, virtualTime } from "../virtual-time.ts";
import type { CheckoutResult, CheckoutSettings, Customer, PageKind } from "./checkout-settings.ts";
import { openTab, type Tab } from "./checkout-tab.ts";

/** How long a message is on its way, milliseconds. */
const legMs = 40;

/** Pauses of the customer, milliseconds: from, up to. All who wait for an answer lose patience before the page does. */
const pauses = {
  look: [500, 1500],
  patience: [1000, 2500],
  away: [60_000, 600_000],
} as const;

type Note = (what: PayEvent["what"], tab?: number) => void;

/** One customer pays one order on one of the pages, in virtual time. Then the ledger is read. */
export async function runCheckout(page: PageKind, settings: CheckoutSettings): Promise<CheckoutResult> {
  const { customer, lost, seed } = settings;
  const time = virtualTime();
  const { clock } = time;
  const database = `once-again playground ${crypto.randomUUID()}`;
  const events: PayEvent[] = [];
  const note: Note = (what, tab) => void events.push({ atMs: Math.round(clock.monotonic()), what, tab });
  const api = pageApi({
    clock,
    random: seededRandom(`${seed} server`),
    effect: "row",
    leaseMs: 30_000,
    after: (step) => void (step === "stored" && note("charged")),
  });
  const network = flakyFetch(api, { time, lost, note });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const random = seededRandom(seed);
  const tabs = new Map<number, Tab>();
  const open = (number: number): Tab => {
    const noteHere = (what: PayEvent["what"]): void => note(what, number);
    const fetch = network(noteHere);
    const tab = openTab({ page, order, url, database, time, random, fetch, note: noteHere, fail: failure.reject });
    tabs.set(number, tab);
    return tab;
  };
  try {
    const paying = payAs(customer, { clock, seed, open, note });
    await time.run(Promise.race([paying, failure.promise]));
    const buttons = [...tabs.values()].map(({ button }) => button);
    return { page, events, ledger: [...api.database.charges], buttons };
  } finally {
    await Promise.all([...tabs.values()].map((tab) => tab.unload()));
    await removeDatabase(database);
  }
}

interface CustomerParts {
  readonly clock: Clock;
  readonly seed: number;
  readonly open: (number: number) => Tab;
  readonly note: Note;
}

/** Presses Pay, and does without an answer what this customer does, until a page says "Paid". */
async function payAs(customer: Customer, { clock, seed, open, note }: CustomerParts): Promise<void> {
  const random = seededRandom(seed);
  const pause = ([from, to]: readonly [number, number]): Promise<void> =>
    sleep(clock, from + Math.floor(random() * (to - from)));
  const first = open(1);
  const second = customer === "second-tab" ? open(2) : undefined;
  await first.settled();
  await pause(pauses.look);
  note("pressed", 1);
  first.press();
  let tab = first;
  if (customer !== "press-again") await pause(pauses.patience);
  if (customer === "reload") {
    note("reloaded", 1);
    await first.unload();
    tab = open(1);
  }
  if (customer === "close-tab") {
    note("closed", 1);
    await first.unload();
    await pause(pauses.away);
    note("opened", 1);
    tab = open(1);
  }
  if (second !== undefined) {
    note("changed-tab", 2);
    tab = second;
  }
  for (;;) {
    await tab.settled();
    if (tab.button === "paid") break;
    await pause(pauses.look);
    note("pressed-again", tab === second ? 2 : 1);
    tab.press();
  }
  if (second !== undefined) await first.settled();
}

interface NetworkParts {
  readonly time: VirtualTime;
  readonly lost: Loss;
  readonly note: Note;
}

/** The way from the tabs to the server. It loses a part of the first payment; nothing says so to the page. */
function flakyFetch(api: PageApi, { time, lost, note }: NetworkParts) {
  let payments = 0;
  return (noteHere: (what: PayEvent["what"]) => void): typeof globalThis.fetch =>
    async (input, init) => {
      payments += 1;
      const isFirst = payments === 1;
      const { signal = null, ...rest } = init ?? {};
      noteHere(isFirst ? "sent" : "sent-again");
      await sleep(time.clock, legMs);
      if (isFirst && lost === "request") {
        note("lost-request");
        return untilAborted(signal);
      }
      // Time stands still while the server is at work: its work waits for no timer.
      const endServing = time.hold();
      const response = await api.serve(new Request(input, rest)).finally(endServing);
      if (isFirst) {
        note("lost-answer");
        return untilAborted(signal);
      }
      await sleep(time.clock, legMs);
      noteHere(response.headers.has("Idempotent-Replayed") ? "replayed" : "response");
      return response;
    };
}

/** Never settles, but for an abort. */
function untilAborted(signal: AbortSignal | null): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

/** The parts of the browser's globals that are used here, since tests compile without them. */
interface Globals {
  readonly indexedDB?: { deleteDatabase(name: string): EventTarget };
}

async function removeDatabase(name: string): Promise<void> {
  const { indexedDB } = globalThis as unknown as Globals;
  if (indexedDB === undefined) return;
  await new Promise((resolve) => {
    const request = indexedDB.deleteDatabase(name);
    for (const type of ["success", "error", "blocked"]) request.addEventListener(type, resolve);
  });
}
