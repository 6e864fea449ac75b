import type { StepRequest } from "once-again/internal";
import { abandon, acquire, claimOf, named, result, takeOver } from "./requests.ts";
import { expectSame, expectThat } from "./rule.ts";
import { insert, type TransactionRuleContext, type TransactionRule } from "./transaction-case.ts";

const name = named("order-7");

/** Steps of leased operations: each with its checkpoint in one transaction. */
export const stepRules: readonly TransactionRule[] = [
  {
    name: "a step's effect and checkpoint commit together, once, however often it is asked for",
    async try(context) {
      const claim = claimOf(name);
      await acquire(context.store, claim);
      const run = () => runStep(context, { ...claim, step: "charge" });
      expectSame(await Promise.all([run(), run()]), [result, result], "A step is answered with its result");
      expectSame(await run(), result, "A step that was stored is answered with its checkpoint");
      expectSame(await context.effects(), ["charge"], "A step has its effect once");
      const { checkpoints } = (await context.store.inspect(name))?.record ?? {};
      expectSame(checkpoints, { charge: result }, "A step leaves its checkpoint");
    },
  },
  {
    name: "a step that throws has neither effect nor checkpoint, and can be run again",
    async try(context) {
      const { store, execute, effects } = context;
      const claim = claimOf(name);
      await acquire(store, claim);
      const fault = new Error("fault");
      const failing = store.transactStep({ ...claim, step: "charge" }, async (transaction) => {
        await execute(transaction, insert("charge"));
        throw fault;
      });
      const thrown = await failing.catch((error: unknown) => error);
      expectThat(thrown === fault, "What a step throws is thrown on", thrown);
      const left = [await effects(), (await store.inspect(name))?.record.checkpoints];
      expectSame(left, [[], {}], "A step that throws leaves nothing");
      expectSame(await runStep(context, { ...claim, step: "charge" }), result, "A step that threw can be run again");
    },
  },
  {
    name: "a step of a late owner has no effect; one of the next owner finds its checkpoint",
    async try(context) {
      const { store, effects } = context;
      const claim = claimOf(name);
      await abandon(store, claim);
      await runStep(context, { ...claim, step: "charge" });
      await takeOver(store, claim, { owner: "next" });
      expectSame(await runStep(context, { ...claim, step: "ship" }), undefined, "A late owner's step is refused");
      expectSame(await effects(), ["charge"], "A late owner's step has no effect");
      const checkpoint = await runStep(context, { ...claim, owner: "next", step: "charge" });
      expectSame([checkpoint, await effects()], [result, ["charge"]], "The next owner's step finds its checkpoint");
      await store.complete({ ...claim, owner: "next", result });
      expectSame(
        await runStep(context, { ...claim, owner: "next", step: "ship" }),
        undefined,
        "A done key has no steps",
      );
    },
  },
];

/** Runs a step with an effect of the same name. */
function runStep(context: TransactionRuleContext<unknown>, request: StepRequest): Promise<Uint8Array | undefined> {
  return context.store.transactStep(request, async (transaction) => {
    await context.execute(transaction, insert(request.step));
    return result;
  });
}
