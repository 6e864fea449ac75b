import { systemClock } from "once-again/internal";
import type { CallerName } from "../caller-name.ts";
import type { LedgerRow } from "../ledger.ts";
import type { ChargeView } from "../live/live-protocol.ts";
import type { CheckoutSideView } from "./checkout-protocol.ts";
import type { Button, PayEvent } from "./pay-events.ts";

/** Keeps account of a run: what happens to the payments, the buttons and the ledger, folded into what there is to see. */
export interface CheckoutBook {
  note(side: CallerName, what: PayEvent["what"]): void;
  show(side: CallerName, button: Button): void;
  /** The ledger has a further row. */
  charge(row: LedgerRow): void;
  view(side: CallerName): Omit<CheckoutSideView, "browser">;
}

/** Times count from the first event of a side. */
export function checkoutBook(): CheckoutBook {
  const side = () => ({
    events: [] as PayEvent[],
    ledger: [] as ChargeView[],
    button: "loading" as Button,
    startedAt: 0,
  });
  const sides = { careless: side(), safe: side() };
  return {
    note(name, what) {
      const one = sides[name];
      const now = systemClock.monotonic();
      if (one.events.length === 0) one.startedAt = now;
      one.events.push({ atMs: Math.round(now - one.startedAt), what });
    },
    show: (name, button) => void (sides[name].button = button),
    charge({ id, caller, amount, currency }) {
      const { ledger } = sides[caller as CallerName];
      ledger.push({ id, order: 1, amount, currency, isRepeat: ledger.length > 0 });
    },
    view(name) {
      const { events, ledger, button } = sides[name];
      return { events: [...events], ledger: [...ledger], button };
    },
  };
}
