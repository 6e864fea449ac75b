import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { tool as langchainTool } from "@langchain/core/tools";
import { createTool, noopObserve } from "@mastra/core/tools";
import { RunContext, tool as openaiTool } from "@openai/agents-core";
import { onceTools, openRun } from "once-again/agents";
import { sqliteStore } from "once-again/stores/sqlite";
import { z } from "zod";

const store = sqliteStore({ path: process.env["RUNS_DB"] ?? "runs.db" });
const run = openRun({ store, run: "conversation-8", replay: true, verbatim: true });

// Wrap the function first. Then give the wrapped function to the SDK, which sees an ordinary one.
const { charge } = onceTools(run, {
  charge: async ({ order }: { order: string }) => {
    console.log(`charging ${order}`);
    return `receipt of ${order}`;
  },
});

const named = { name: "charge", description: "Charges an order." };
const schema = z.object({ order: z.string() });

const langchain = langchainTool(charge, { ...named, schema });
const openai = openaiTool({ ...named, parameters: schema, execute: charge });
const anthropic = betaZodTool({ ...named, inputSchema: schema, run: charge });
const mastra = createTool({ ...named, id: "charge", inputSchema: schema, execute: charge });

// The calls that each SDK makes when its model asks for the tool. The second time that this program runs, nothing is charged.
console.log(await langchain.invoke({ order: "order-1" }));
console.log(await openai.invoke(new RunContext(), JSON.stringify({ order: "order-2" })));
console.log(await anthropic.run({ order: "order-3" }));
console.log(await mastra.execute?.({ order: "order-4" }, { observe: noopObserve }));

await run.close();
await store.close();
