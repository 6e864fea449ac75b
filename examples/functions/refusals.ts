import { NoEffectError } from "once-again/engine";
import { onceFunction } from "once-again/function";
import { memoryStore } from "once-again/stores/memory";

class CardDeclined extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(`The card was declined: ${reason}.`);
    this.reason = reason;
  }
}

let attempts = 0;

const charge = onceFunction(
  {
    store: memoryStore(),
    scope: "charge",
    key: (orderId: string) => orderId,
    refusals: {
      encode: (error) => (error instanceof CardDeclined ? { reason: error.reason } : undefined),
      decode: ({ reason }) => new CardDeclined(reason),
    },
  },
  () => {
    attempts += 1;
    // Nothing has been sent to anybody yet, and we know it. The key is free again.
    if (attempts === 1) throw new NoEffectError("The provider is closed for a moment.");
    // The last word: it is stored, and every repeat throws it again.
    throw new CardDeclined("expired");
  },
);

for (let time = 1; time <= 3; time += 1) {
  const error = await charge("order-7").catch((thrown: unknown) => thrown);
  console.log(String(error), error instanceof CardDeclined ? error.reason : "");
}
console.log("attempts:", attempts);
