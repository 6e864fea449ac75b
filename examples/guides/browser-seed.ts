import { openIntents } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";

/** Opens the intents of one account. `seed` comes from the server: with the answer to the log-in, or in a meta element of the page. */
export function intentsOf(account: { id: string; seed: string }) {
  return openIntents({
    // Another account on this device has another database, and another seed.
    store: indexeddbIntents({ name: `shop ${account.id}` }),
    seed: account.seed,
    keys: ["https://api.shop.example"],
  });
}
