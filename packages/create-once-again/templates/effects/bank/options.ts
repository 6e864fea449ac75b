import { findCharge, type Operation } from "./charges.ts";
import { store } from "./store.ts";

/** Called when an attempt ended without a response, before the handler may run again: did it charge? */
async function lookUp(operation: Operation) {
  const charge = await findCharge(operation);
  // Not there, and nothing is on its way any more: the lease has been over for `quiesceMs`.
  if (charge === undefined) return { absent: "quiesced" } as const;
  const headers = { "content-type": "application/json" };
  return { found: { status: 201, headers, body: JSON.stringify(charge) } } as const;
}

/** How the route treats its keys. Both times are short so that `npm run kill` takes seconds; see the defaults. */
export const options = { store, onUnknown: { action: lookUp, quiesceMs: 1000 }, leaseMs: 2000 };
