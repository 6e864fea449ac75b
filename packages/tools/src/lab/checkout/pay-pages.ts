import { type Clock, sleep } from "once-again";
import { type IntentStore, onceMutation, openIntents } from "once-again/intents";
import type { CallerName } from "../caller-name.ts";
import type { Order } from "../orders.ts";
import { drain, orderRequest } from "../send-order.ts";
import type { Button } from "./pay-events.ts";

/** The page of one order: it is loaded, and its button is pressed. */
export interface PayPage {
  press(): void;
}

/** Opens the page of an order. `say` is called with each label of its button. */
export type OpenPayPage = (order: Order, say: (button: Button) => void) => PayPage;

/** The parts of a browser that has such pages. */
export interface PayPagesParts {
  readonly url: string;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  /** How long a page waits for an answer, milliseconds. */
  readonly answerMsMax: number;
  /** Where the intents of the safe pages are stored. */
  readonly store: IntentStore;
  /** Further options of the safe pages' intents. */
  readonly intents: Pick<
    Parameters<typeof openIntents>[0],
    "random" | "leaseMs" | "pollMs" | "concurrency" | "concurrencyPerOrigin"
  >;
  /** The browser does not store intents. */
  readonly fail: (error: unknown) => void;
}

/** As most pages pay: whatever goes wrong, the customer may press again. */
function carelessPages({ url, clock, fetch, answerMsMax }: PayPagesParts): OpenPayPage {
  return (order, say) => {
    const send = async (): Promise<boolean> => {
      const response = await fetch(url, orderRequest("careless", order));
      await drain(response);
      return response.ok;
    };
    const pay = async (): Promise<void> => {
      say("paying");
      const giveUp = sleep(clock, answerMsMax).then(() => false);
      const isPaid = await Promise.race([send(), giveUp]).catch(() => false);
      say(isPaid ? "paid" : "pay-again");
    };
    say("pay");
    return { press: () => void pay() };
  };
}

const buttons = {
  loading: "loading",
  idle: "pay",
  pending: "paying",
  done: "paid",
  failed: "not-paid",
  unknown: "unknown",
} as const satisfies Record<string, Button>;

/** The intent of an order has three endings, and outlives its page. */
function safePages({ url, clock, fetch, answerMsMax, store, intents: options, fail }: PayPagesParts): OpenPayPage {
  const keys = [new URL(url).origin];
  const intents = openIntents({ ...options, store, keys, attemptTimeoutMs: answerMsMax, fetch, clock });
  return (order, say) => {
    const pay = onceMutation(intents, `pay ${order.id}`);
    pay.subscribe(() => {
      const now = pay.current();
      if (now.state === "idle" && now.error !== undefined) fail(now.error);
      say(buttons[now.state]);
    });
    say(buttons[pay.current().state]);
    return { press: () => void pay.mutate({ url, ...orderRequest("safe", order) }).catch(fail) };
  };
}

/** The pages of a browser. */
export const payPages: Readonly<Record<CallerName, (parts: PayPagesParts) => OpenPayPage>> = {
  careless: carelessPages,
  safe: safePages,
};
