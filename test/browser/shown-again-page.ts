/** A page that shows the guide's Pay button, hides it, removes it and shows it again, as a test wants it. */
import { Activity, createElement } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { openIntents } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";
import { Pay } from "../../examples/browser/react.ts";

declare const location: string;
declare const document: {
  body: object;
  querySelectorAll(selector: string): ArrayLike<{ click(): void }>;
};

const intents = openIntents({ store: indexeddbIntents(), keys: true, attemptsMax: 1, pollMs: 50 });
const pay = { intents, url: new URL("/orders", location).href, order: { id: "42" } };
const root = createRoot(document.body);

/** The first button may be hidden, as React does it, with its state; the second is there or not. */
function show(first: "visible" | "hidden" | "removed", second: "visible" | "removed"): void {
  const buttons = [
    first !== "removed" && createElement(Activity, { key: 1, mode: first, children: createElement(Pay, pay) }),
    second !== "removed" && createElement(Pay, { key: 2, ...pay }),
  ];
  flushSync(() => root.render(buttons));
}

const shownAgain = {
  show,
  /** Presses the first button, removes it and shows it again, before anything else can happen. */
  pressAndReplace(): void {
    document.querySelectorAll("button")[0]!.click();
    show("removed", "removed");
    show("visible", "removed");
  },
};
export type ShownAgainPage = typeof shownAgain;
Object.assign(globalThis, { shownAgain });
