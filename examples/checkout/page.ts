/** The page: an order for each way to pay, a button, and what the server has charged for it. */
import { type Intents, onceMutation, openIntents } from "once-again/intents";
import { indexeddbIntents, resumeOn } from "once-again/stores/indexeddb";

const answerMsMax = 3000;

const intents: Intents = openIntents({
  store: indexeddbIntents({ name: "checkout" }),
  keys: [location.origin],
  attemptTimeoutMs: answerMsMax,
});
resumeOn(intents);

/** The order that is paid in this way. */
function orderOf(route: string): string {
  return `${route} ${document.querySelector("main").dataset["order"]}`;
}

/** As most pages pay: whatever goes wrong, the customer may press again. */
function payCarelessly(order: string): void {
  const { button, say } = section("careless", order);
  say("Pay");
  button.addEventListener("click", async () => {
    say("Paying…", true);
    try {
      await fetch("/careless", { method: "POST", body: order, signal: AbortSignal.timeout(answerMsMax) });
      say("Paid", true);
    } catch {
      say("No answer. Pay again?");
    }
  });
}

/** The intent of the order has three endings, and outlives this page. */
function paySafely(order: string): void {
  const { button, say } = section("safe", order);
  const pay = onceMutation(intents, `pay ${order}`);
  const show = (): void => {
    const shown = pay.current();
    const { state } = shown;
    if (state === "idle") say("Pay");
    else if (state === "failed") say("Not paid. Try again?");
    // The browser has lost the intent. This page still knows its key, with which it may ask.
    else if (state === "unknown" && shown.intent === undefined) say("It may be paid. Ask the shop");
    else if (state === "unknown") say("We look it up. Please don't pay again.", true);
    else say(state === "done" ? "Paid" : "Paying…", true);
  };
  pay.subscribe(show);
  show();
  const url = new URL("/safe", location.href);
  button.addEventListener("click", () => void pay.mutate({ url, body: order }).catch(() => undefined));
}

function section(route: "careless" | "safe", order: string) {
  const element = document.createElement("section");
  element.innerHTML = `<h2>${route}</h2><button></button><p>${order}<br>charged: <output>0</output> times</p>`;
  document.querySelector("main").append(element);
  const button = element.querySelector("button");
  const count = async (): Promise<void> => {
    const charges = (await (await fetch("/charges")).json()) as { order: string }[];
    element.querySelector("output").textContent = String(charges.filter((charge) => charge.order === order).length);
  };
  setInterval(() => void count().catch(() => undefined), 300);
  const say = (label: string, isDisabled = false): void => {
    button.textContent = label;
    button.disabled = isDisabled;
  };
  return { button, say };
}

payCarelessly(orderOf("careless"));
paySafely(orderOf("safe"));

/** The parts of the page's own globals that are used here, since this repository compiles without them. */
interface PageElement {
  innerHTML: string;
  textContent: string;
  disabled: boolean;
  readonly dataset: Readonly<Record<string, string>>;
  addEventListener(type: string, listener: () => unknown): void;
  append(child: PageElement): void;
  querySelector(selector: string): PageElement;
}
declare const document: { createElement(name: string): PageElement; querySelector(selector: string): PageElement };
declare const location: { readonly href: string; readonly origin: string };
