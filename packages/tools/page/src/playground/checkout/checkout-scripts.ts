import { type Clock, type Random, sleep } from "once-again";
import { type Intents, onceMutation, openIntents } from "once-again/intents";
import type { IntentStore } from "once-again/intents";
import type { Order } from "../../../../src/lab/orders.ts";
import { drain, orderRequest } from "../../../../src/lab/send-order.ts";
import type { Button, PageKind } from "./checkout-settings.ts";

/** How long both pages wait for an answer, milliseconds. */
const answerMsMax = 3000;

/** The page's script: it is loaded, and its button is pressed. */
export interface Script {
  press(): void;
}

export interface ScriptParts {
  readonly order: Order;
  readonly url: string;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  readonly random: Random;
  /** Where the safe page's intents are stored. */
  readonly store: IntentStore;
  /** Shows the button. */
  readonly say: (button: Button) => void;
  /** The browser does not store intents. */
  readonly fail: (error: unknown) => void;
}

/** As most pages pay: whatever goes wrong, the customer may press again. */
function carelessScript({ order, url, clock, fetch, say }: ScriptParts): Script {
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
}

const buttons = {
  loading: "loading",
  idle: "pay",
  pending: "paying",
  done: "paid",
  failed: "not-paid",
  unknown: "unknown",
} as const satisfies Record<string, Button>;

/** The intent of the order has three endings, and outlives this page. */
function safeScript({ order, url, clock, fetch, random, store, say, fail }: ScriptParts): Script {
  const keys = [new URL(url).origin];
  const intents: Intents = openIntents({ store, keys, attemptTimeoutMs: answerMsMax, fetch, clock, random });
  const pay = onceMutation(intents, `pay ${order.id}`);
  pay.subscribe(() => {
    const now = pay.current();
    if (now.state === "idle" && now.error !== undefined) fail(now.error);
    say(buttons[now.state]);
  });
  say(buttons[pay.current().state]);
  return { press: () => void pay.mutate({ url, ...orderRequest("safe", order) }).catch(fail) };
}

/** The scripts of the two pages. */
export const scripts: Readonly<Record<PageKind, (parts: ScriptParts) => Script>> = {
  careless: carelessScript,
  safe: safeScript,
};
