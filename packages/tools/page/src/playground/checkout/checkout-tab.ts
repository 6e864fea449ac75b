import type { Random } from "once-again";
import type { IntentStore } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";
import { type Button, isBusy, type PayEvent } from "../../../../src/lab/checkout/pay-events.ts";
import { payPages } from "../../../../src/lab/checkout/pay-pages.ts";
import type { Order } from "../../../../src/lab/orders.ts";
import { type PageProcess, pageProcess } from "../page-process.ts";
import type { VirtualTime } from "../virtual-time.ts";
import type { PageKind } from "./checkout-settings.ts";

/** How long both pages wait for an answer, milliseconds. */
const answerMsMax = 3000;

/** A tab of the browser, with the page in it. */
export interface Tab {
  readonly button: Button;
  press(): void;
  /** Resolves when the button can be pressed, or says how the payment ended. */
  settled(): Promise<void>;
  /** Ends the page, in the middle of all that it does, as a reload does, or the end of the tab. */
  unload(): Promise<void>;
}

export interface TabParts {
  readonly page: PageKind;
  readonly order: Order;
  readonly url: string;
  /** The name of the browser's database. */
  readonly database: string;
  readonly time: VirtualTime;
  readonly random: Random;
  /** The way to the server. */
  readonly fetch: typeof globalThis.fetch;
  readonly note: (what: PayEvent["what"]) => void;
  /** The browser does not store intents. */
  readonly fail: (error: unknown) => void;
}

/** Opens a tab: the page's script runs from its start, with what the browser's database has. */
export function openTab({ page, order, url, database, time, random, fetch, note, fail }: TabParts): Tab {
  const process = pageProcess(time.clock);
  const work = pageWork(time);
  const disk = indexeddbIntents({ name: database, clock: time.clock, askToPersist: false, whenOffline: "send" });
  let button: Button = "loading";
  let isPressed = false;
  let settled = Promise.withResolvers<void>();

  const say = (next: Button): void => {
    // The page has more to do before it has looked the payment up, or sent it.
    if (next !== "loading" && next !== "paying") work.end();
    if (next === button) return;
    if (next === "pay-again") note("timed-out");
    button = next;
    if (isBusy(next)) return;
    settled.resolve();
    settled = Promise.withResolvers();
  };
  work.begin();
  const open = payPages[page]({
    url,
    clock: process.clock,
    answerMsMax,
    intents: { random },
    fail,
    store: storeOfTab(disk, {
      time,
      work,
      process,
      onFound: () => note(isPressed ? "joined" : "resumed"),
      fail,
    }),
    fetch: (input, init) => {
      work.end();
      return process.reach(async () => {
        const response = await fetch(input, init);
        // Time stands still while the page reads it.
        if (process.isAlive) work.begin();
        return response;
      });
    },
  });
  const script = open(order, say);
  return {
    get button() {
      return button;
    },
    press() {
      isPressed = true;
      work.begin();
      // A page that looks into its database first says so a moment later.
      say("paying");
      script.press();
    },
    async settled() {
      if (isBusy(button)) await settled.promise;
    },
    async unload() {
      process.die();
      work.end();
      // The browser does this for a page that ends.
      const release = time.hold();
      await disk.close();
      await locksReleased(database);
      release();
    },
  };
}

/** The work of a page that waits for no timer: virtual time stands still meanwhile. */
function pageWork(time: VirtualTime) {
  let release: (() => void) | undefined;
  return {
    begin: () => void (release ??= time.hold()),
    end(): void {
      release?.();
      release = undefined;
    },
  };
}

interface StoreParts {
  readonly time: VirtualTime;
  readonly work: ReturnType<typeof pageWork>;
  readonly process: PageProcess;
  /** The payment is in the database already. */
  readonly onFound: () => void;
  /** The browser does not store intents. */
  readonly fail: (error: unknown) => void;
}

/** The browser's database as one page sees it: a page that ended reaches nothing, and time stands still for a call. */
function storeOfTab(store: IntentStore, { time, work, process, onFound, fail }: StoreParts): IntentStore {
  const call = <Value>(run: () => Promise<Value>): Promise<Value> => {
    const release = time.hold();
    const runOrFail = (): Promise<Value> =>
      run().catch((error: unknown) => {
        fail(error);
        throw error;
      });
    return process.reach(() => runOrFail().finally(release));
  };
  /** With this call the page has done what it was at. */
  const lastCall = <Value>(run: () => Promise<Value>): Promise<Value> => {
    const called = call(run);
    work.end();
    return called;
  };
  return {
    async add(request) {
      const answer = await lastCall(() => store.add(request));
      if (answer.kind === "found") onFound();
      return answer;
    },
    async claim(request) {
      const claim = await call(() => store.claim(request));
      // It is about to send them.
      if (claim.intents.length > 0) work.begin();
      return claim;
    },
    end: (request) => lastCall(() => store.end(request)),
    postpone: (request) => lastCall(() => store.postpone(request)),
    renew: (request) => call(() => store.renew(request)),
    settle: (request) => call(() => store.settle(request)),
    reopen: (id) => call(() => store.reopen(id)),
    inspect: (id) => call(() => store.inspect(id)),
    list: (request) => call(() => store.list(request)),
    forget: (id) => call(() => store.forget(id)),
    purge: (request) => call(() => store.purge(request)),
    close: () => store.close(),
  };
}

/** The parts of the browser's globals that are used here, since tests compile without them. */
interface Globals {
  readonly navigator?: {
    readonly locks?: { query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }> };
  };
}

/** Resolves when no page that has this database open holds a lock for sending. */
async function locksReleased(database: string): Promise<void> {
  const { navigator } = globalThis as unknown as Globals;
  for (;;) {
    const { held = [] } = (await navigator?.locks?.query()) ?? {};
    if (!held.some(({ name }) => name?.startsWith(`once-again:${database}:`))) return;
  }
}
