import { extname } from "node:path";
import { type FlakyNetwork, flakyNetwork } from "@once-again/testing";
import type { CallerName } from "../caller-name.ts";
import { type KillableProcess, killableProcess } from "../killable-process.ts";
import { readNews } from "../live/live-run.ts";
import type { Order } from "../orders.ts";
import { orderHeader } from "../send-order.ts";
import { type Button, isBusy, type Loss, type PayEvent } from "./pay-events.ts";

/** The work of a browser's process. */
export interface BrowserTask {
  readonly name: CallerName;
  readonly url: string;
  readonly orders: readonly Order[];
  /** The file that is its disk. */
  readonly path: string;
  /** How long a page waits for an answer, milliseconds. */
  readonly answerMsMax: number;
  /** How long the safe pages' intents stay with their process after its death, milliseconds. */
  readonly leaseMs: number;
}

/** A message of it: the button of an order's page has another label. */
export interface BrowserReport {
  readonly pid: number;
  /** The place of the order, from 0. */
  readonly order: number;
  readonly button: Button;
}

/** The parts of a side. */
export interface CheckoutSideParts {
  readonly name: CallerName;
  /** Each has a page in the browser: at most 200. */
  readonly orders: readonly Order[];
  /** The part that the network loses of an order's first payment, by silence: only the end of the browser ends that. */
  readonly lossOf: (order: Order) => Loss | undefined;
  /** How long each way takes, milliseconds, asked for each payment. */
  readonly legMs: () => number;
  readonly apiPort: () => number;
  readonly path: string;
  /** Kills the browser when it aborts. */
  readonly signal: AbortSignal;
  /** Called with what happens to the payment of an order. */
  readonly onEvent: (order: number, what: PayEvent["what"]) => void;
  /** Called with each label of a button. */
  readonly onButton?: ((order: number, button: Button) => void) | undefined;
}

/** A browser in which each order has a page, and the way from it to the API. */
export interface CheckoutSide extends AsyncDisposable {
  readonly browser: Pick<KillableProcess, "pid" | "crash">;
  readonly network: Pick<FlakyNetwork, "counts">;
  readonly button: (order: number) => Button;
  press(order: number): void;
  /** Resolves when the first payment of an order was answered, or a part of it is lost. */
  answeredOrLost(order: number): Promise<void>;
  /** Resolves when the page is open, and its customer need not wait any more. */
  settled(order: number): Promise<void>;
  /** Rejects when the browser ends by itself, and with the signal's reason. */
  readonly ended: Promise<void>;
}

/** Only its end stops a page from waiting: undici gives up after as long. */
const answerMsMax = 300_000;

/** Longer than it takes to start the browser again, and a busy machine has time to renew, milliseconds. */
const leaseMs = 5000;

/** This file's neighbour, in TypeScript or built. */
const program = new URL(`./checkout-process${extname(import.meta.filename)}`, import.meta.url);

/** Opens a browser in a separate process. */
export async function checkoutSide(parts: CheckoutSideParts): Promise<CheckoutSide> {
  const { name, orders, path, signal, onEvent, onButton } = parts;
  const buttons = orders.map((): Button => "loading");
  const isLost = new Set<number>();
  const { until, look } = conditions();
  const note = (order: number, what: PayEvent["what"]): void => {
    if (what === "lost-answer" || what === "lost-request") isLost.add(order);
    onEvent(order, what);
    look();
  };
  const show = (order: number, button: Button): void => {
    buttons[order] = button;
    onButton?.(order, button);
    look();
  };

  const network = await payNetwork(parts, note);
  const task: BrowserTask = { name, url: `${network.url}/orders`, orders, path, answerMsMax, leaseMs };
  const wasPressed = new Set<number>();
  const browser = killableProcess<BrowserReport>({
    program,
    task,
    name: `${name} browser`,
    signal,
    hear({ pid, order, button }) {
      // One that was killed may have said something before.
      if (pid !== browser.pid) return false;
      if (button === "paying" && !wasPressed.has(order) && buttons[order] !== "paying") note(order, "resumed");
      show(order, button);
      return false;
    },
  });
  const crash = async (whileDead?: () => Promise<void>): Promise<void> => {
    await browser.crash(async () => {
      wasPressed.clear();
      for (const order of buttons.keys()) show(order, "loading");
      await whileDead?.();
    });
  };
  return {
    browser: {
      get pid() {
        return browser.pid;
      },
      crash,
    },
    network,
    ended: browser.ended,
    button: (order) => buttons[order]!,
    press(order) {
      wasPressed.add(order);
      show(order, "paying");
      browser.tell(String(order));
    },
    answeredOrLost: (order) => until(() => isLost.has(order) || !isBusy(buttons[order]!)),
    settled: (order) => until(() => !isBusy(buttons[order]!)),
    async [Symbol.asyncDispose]() {
      await browser[Symbol.asyncDispose]();
      await network.close();
    },
  };
}

/** Waits for conditions, each of which is looked at when something has changed. */
function conditions() {
  const waits = new Set<() => void>();
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const wait = (): void => {
        if (!isSo()) return;
        waits.delete(wait);
        resolve();
      };
      waits.add(wait);
      wait();
    });
  return { until, look: (): void => waits.forEach((wait) => wait()) };
}

/** The way from the pages to the API: it loses a part of the first payment of some orders. */
function payNetwork(
  { orders, lossOf, legMs, apiPort }: CheckoutSideParts,
  onEvent: CheckoutSideParts["onEvent"],
): Promise<FlakyNetwork> {
  const places = new Map(orders.map(({ id }, index) => [id, index]));
  const payments = new Map<number, number>();
  /** The orders of the exchanges, and what each of them loses. */
  const exchanges = new Map<number, { readonly order: number; readonly loss: Loss | undefined }>();
  return flakyNetwork({
    upstream: () => ({ port: apiPort() }),
    plan({ index, headers }) {
      const order = places.get(decodeURIComponent(headers.get(orderHeader.toLowerCase()) ?? "")) ?? 0;
      const payment = (payments.get(order) ?? 0) + 1;
      payments.set(order, payment);
      const loss = payment === 1 ? lossOf(orders[order]!) : undefined;
      exchanges.set(index, { order, loss });
      onEvent(order, payment === 1 ? "sent" : "sent-again");
      const delays = { requestDelayMs: legMs(), answerDelayMs: legMs() };
      return loss === undefined
        ? { scenario: "pass", ...delays }
        : { scenario: `lose-${loss}`, manner: "silence", ...delays };
    },
    onEvent({ index }, event) {
      const { order, loss } = exchanges.get(index)!;
      const news = readNews(event);
      if (news.type === "lost") onEvent(order, "lost-request");
      if (news.type !== "answered") return;
      if (news.mark === "pass") onEvent(order, "charged");
      if (loss === "answer") onEvent(order, "lost-answer");
      else onEvent(order, news.mark === "replay" ? "replayed" : "response");
    },
  });
}
