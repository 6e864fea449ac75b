/** A page with the guide's Pay button, and the same by SWR. */
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { openIntents } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";
import { Pay } from "../../examples/browser/react.ts";
import { usePay } from "../../examples/browser/swr.ts";

const url = new URL("/orders", location).href;
const intents = openIntents({
  store: indexeddbIntents(),
  keys: true,
  attemptsMax: 1,
  pollMs: 50,
  resumeBackoff: () => 50,
});

function PayBySwr() {
  const { trigger, isMutating, data } = usePay(intents, url, { id: "swr" });
  const label = data === undefined ? "Pay by SWR" : `SWR ${data.status}`;
  return createElement("button", { disabled: isMutating, onClick: () => void trigger() }, label);
}

const root = document.createElement("main");
document.body.append(root);
const asked = new URL(location).searchParams;
const order = { id: asked.get("order") ?? "42" };
// As many buttons for the one order as the address asks for.
const buttons = Array.from({ length: Number(asked.get("buttons") ?? 1) }, (_, key) =>
  createElement(Pay, { key, intents, url, order }),
);
createRoot(root).render([...buttons, createElement(PayBySwr, { key: "swr" })]);

declare const location: string;
declare const document: { createElement(name: string): object; body: { append(element: object): void } };
