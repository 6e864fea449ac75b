import { type OnceCall, onceTools, openRun } from "once-again/agents";
import { sqliteStore } from "once-again/stores/sqlite";

interface Charge {
  readonly order: string;
  readonly amount: number;
}

const store = sqliteStore({ path: process.env["RUNS_DB"] ?? "runs.db" });
// This harness starts a run over when its process died, and asks for all its calls again. An order is charged by its number,
// which no model words anew.
const run = openRun({ store, run: "conversation-7", replay: true, verbatim: (tool) => tool === "charge" });

const { charge } = onceTools(run, {
  charge: async ({ order, amount }: Charge, { once: { key } }: OnceCall) => {
    console.log(`charging ${order}, with a key of ${key.length} characters`);
    return { receipt: `receipt of ${order}`, amount };
  },
});

// A call of the model. The second time that this program runs, nothing is charged.
console.log(await charge({ order: "order-7", amount: 700 }));
console.log(await charge({ order: "order-8", amount: 800 }));

await run.close();
await store.close();
