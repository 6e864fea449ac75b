import { openIntents } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";
import { memoryIntents } from "once-again/stores/memory";

export const intents = openIntents({
  store: indexeddbIntents({ name: "shop", fallback: memoryIntents() }),
  keys: ["https://api.shop.example"],
});
