import { OnceAgainError } from "once-again";
import type { OnLateUse, TransactionEnding } from "once-again/internal";
import { acquire, claimOf, longMs, named, result } from "./requests.ts";
import { expectSame, expectThat } from "./rule.ts";
import { insert, type TransactionRuleContext, type TransactionRule } from "./transaction-case.ts";

const name = named("order-7");
const operation = { ...name, fingerprint: "f", retentionMs: longMs };

type Work = (transaction: unknown) => Promise<TransactionEnding<string>>;

/** That what work was given ends with it, and can't part its key from its effect. */
export const endedTransactionRules: readonly TransactionRule[] = [
  {
    name: "what work was given is dead when the work has ended, however it ended, and each late use is reported",
    async try(context) {
      const { store, effects, effect } = context;
      const claim = claimOf(named("order-8"));
      await acquire(store, claim);
      const fault = new Error("fault");
      const overdue = new OnceAgainError("ONCE_HANDLER_TIMEOUT", "The work was given up, and goes on.");
      const throws = (error: Error) => async (): Promise<never> => {
        throw error;
      };
      const works = [...keeps.map((keep) => effect(keep, keep)), throws(fault), throws(overdue)];
      let key = 0;
      for (const work of works) {
        key += 1;
        const runs: ((work: Work, onLateUse: OnLateUse) => Promise<unknown>)[] = [
          (run, onLateUse) => store.transact({ ...operation, key: `${key}` }, run, onLateUse),
          (run, onLateUse) => store.transactUnkeyed(run, onLateUse),
          (run, onLateUse) => {
            const step = async (transaction: unknown) => (await run(transaction)).result;
            return store.transactStep({ ...claim, step: `${key}` }, step, onLateUse);
          },
        ];
        for (const run of runs) await expectDead(context, run, work);
      }
      // A step has no other end than its commit.
      const left = ["answer-only", "commit", "commit", "commit", "rollback"];
      expectSame(await effects(), left, "Of what was done late, nothing is left");
    },
  },
  {
    name: "a branch of the work that goes on after another failed has no effect, and the next run has one",
    async try({ store, execute, effects, effect }) {
      const fault = new Error("out of stock");
      const go = Promise.withResolvers<void>();
      let charging: Promise<unknown> = go.promise;
      const failing = store.transact(operation, async (transaction) => {
        charging = go.promise.then(() => execute(transaction, insert("charge")));
        await Promise.all([Promise.reject(fault), charging]);
        return { keep: "commit", result, value: "charge" };
      });
      const thrown = await failing.catch((error: unknown) => error);
      expectThat(thrown === fault, "What the work throws is thrown on", thrown);
      go.resolve();
      await expectEnded(charging);
      expectSame(await effects(), [], "A branch that goes on after the end has no effect");
      const next = await store.transact(operation, effect("charge", "commit"));
      expectSame(next, { kind: "executed", value: "charge" }, "After a failure the next one runs");
      expectSame(await effects(), ["charge"], "One key has one effect");
    },
  },
  {
    name: "a write that work did not wait for is its own or no one's: what another rolls back was not acknowledged",
    async try({ store, execute, effects, effect }) {
      let late: Promise<unknown> = Promise.resolve();
      await store.transact(operation, async (transaction) => {
        const ending = await effect("one", "commit")(transaction);
        late = settled(() => execute(transaction, insert("two")));
        return ending;
      });
      const before = await effects();
      await store.transactUnkeyed(async (transaction) => {
        await late;
        return effect("other", "rollback")(transaction);
      });
      expectSame(await effects(), before, "What an operation did stays, whatever another does");
    },
  },
  {
    name: "work that sends COMMIT, ROLLBACK or BEGIN has its effect once, however often it is repeated",
    needs: "statements",
    async try({ store, execute, effects, effect }) {
      for (const statement of ["COMMIT", "ROLLBACK", "BEGIN"]) {
        for (let time = 0; time < 3; time += 1) {
          const run = store.transact({ ...operation, key: statement }, async (transaction) => {
            await execute(transaction, insert(statement));
            await settled(() => execute(transaction, statement));
            return effect(`${statement} and more`, "commit")(transaction);
          });
          await run.catch((error: unknown) => error);
        }
        const made = (await effects()).filter((effect) => effect === statement);
        expectThat(made.length <= 1, `Work that sends ${statement} has its effect once at most`, await effects());
      }
    },
  },
];

const keeps = ["commit", "answer-only", "rollback"] as const;

/** Runs work, and uses what it was given in the middle of another's transaction, where that would do most harm. */
async function expectDead(
  { store, execute }: TransactionRuleContext<unknown>,
  run: (work: Work, onLateUse: OnLateUse) => Promise<unknown>,
  work: Work,
): Promise<void> {
  let late: unknown;
  const errors: Error[] = [];
  const ran = run(
    (transaction) => {
      late = transaction;
      return work(transaction);
    },
    (error) => errors.push(error),
  );
  await ran.catch((error: unknown) => error);
  await store.transactUnkeyed(async () => {
    await expectEnded(Promise.resolve().then(() => execute(late, insert("late"))));
    return { keep: "commit", result, value: "other" };
  });
  const codes = errors.map((error) => OnceAgainError.isInstance(error, "ONCE_OPERATION_ENDED"));
  expectSame(codes, [true], "A use after the end is reported to `onLateUse`, once");
}

async function expectEnded(use: Promise<unknown>): Promise<void> {
  const refusal = await use.then(
    () => "executed",
    (error: unknown) => error,
  );
  expectThat(
    OnceAgainError.isInstance(refusal, "ONCE_OPERATION_ENDED"),
    "A use after the end is refused with ONCE_OPERATION_ENDED",
    refusal,
  );
}

/** Waits for something that may throw, or fail, or not. */
async function settled(act: () => unknown): Promise<void> {
  try {
    await act();
  } catch {
    // Whether it is refused is the store's to decide.
  }
}
