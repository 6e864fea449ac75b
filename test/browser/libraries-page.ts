/** A page with a Pay button by the guide's program for one library: `?library=react`, `vue` or `svelte`. */
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { watchEffect } from "vue";
import { type OnceMutation, openIntents } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";
import { memoryIntents } from "once-again/stores/memory";
import { Pay } from "../../examples/browser/react.ts";
import { once } from "../../examples/browser/svelte.ts";
import { useOnce } from "../../examples/browser/vue.ts";

const url = new URL("/orders", location).href;
const intents = openIntents({
  store: indexeddbIntents({ fallback: memoryIntents() }),
  keys: true,
  attemptsMax: 1,
  pollMs: 50,
  resumeBackoff: () => 50,
});
const order = { id: "42" };

/** The words that the guide's component has for a state, as a template of the other libraries has them. */
function wordsFor(shown: ReturnType<OnceMutation["current"]>): { label: string; isDisabled: boolean } {
  if (shown.state === "done") return { label: "Paid", isDisabled: true };
  if (shown.state === "unknown" && shown.intent === undefined)
    return { label: "It may be paid. Ask the shop", isDisabled: false };
  if (shown.state === "unknown") return { label: "We are looking your payment up", isDisabled: true };
  return { label: shown.state === "failed" ? "Try again" : "Pay", isDisabled: shown.state !== "idle" };
}

function show(shown: ReturnType<OnceMutation["current"]>, mutate: OnceMutation["mutate"]): void {
  const { label, isDisabled } = wordsFor(shown);
  const button = document.createElement("button");
  Object.assign(button, { textContent: label, disabled: isDisabled });
  button.addEventListener("click", () => void mutate({ url, body: JSON.stringify(order) }).catch(() => undefined));
  document.body.replaceChildren(button);
}

const library = new URL(location).searchParams.get("library");
if (library === "react") {
  const root = document.createElement("main");
  document.body.replaceChildren(root);
  createRoot(root).render(createElement(Pay, { intents, url, order }));
} else if (library === "vue") {
  const { state, mutate } = useOnce(intents, `pay ${order.id}`);
  watchEffect(() => show(state.value, mutate));
} else {
  const { state, mutate } = once(intents, `pay ${order.id}`);
  state.subscribe((shown) => show(shown, mutate));
}

interface PageElement {
  addEventListener(type: string, listener: () => void): void;
}
declare const location: string;
declare const document: {
  createElement(name: string): PageElement;
  body: { replaceChildren(element: PageElement): void };
};
