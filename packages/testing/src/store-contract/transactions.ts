import { setTimeout } from "node:timers/promises";
import { OnceAgainError } from "once-again";
import type { TransactionalStore, TransactionAnswer } from "once-again/stores";
import { claimOf, longMs, named, result } from "./requests.ts";
import { expectLike, expectRefused, expectSame, expectThat } from "./rule.ts";
import { insert, type TransactionRule } from "./transaction-case.ts";

const name = named("order-7");
const operation = { ...name, fingerprint: "f", retentionMs: longMs };
const faults = 25;
/** How often a key is asked for until it is free, 10 ms apart. */
const asksMax = 500;

/** How a transaction ends, and what is left of it. */
export const transactionRules: readonly TransactionRule[] = [
  {
    name: "key, effect and result commit together, and a repeat gets the result",
    async try({ store, effects, effect }) {
      const answer = await store.transact(operation, async (transaction) => {
        const ending = await effect("one", "commit")(transaction);
        expectSame(await effects(), [], "An effect is invisible before its commit");
        return ending;
      });
      expectSame(answer, { kind: "executed", value: "one" }, "Work that ran hands its value on");
      expectSame(await effects(), ["one"], "What was committed is there");
      await expectReplay(store);
      expectLike(await store.inspect(name), { state: "done" }, "The key is done");
      const other = await store.transact({ ...operation, fingerprint: "g" }, effect("two", "commit"));
      expectSame(other, { kind: "mismatch" }, "Another request with the key is a mismatch");
      expectSame(await store.claim(claimOf(name)), { kind: "done", result }, "Leased operations see the same keys");
      expectSame(await effects(), ["one"], "A repeat has no effect");
    },
  },
  {
    name: "answer-only undoes the effect and keeps the result",
    async try({ store, effects, effect }) {
      const answer = await store.transact(operation, effect("one", "answer-only"));
      expectSame(answer, { kind: "executed", value: "one" }, "Work that ran hands its value on");
      expectSame(await effects(), [], "An effect that was not to be committed is undone");
      await expectReplay(store);
    },
  },
  {
    name: "rollback undoes all of it, key included, and the next one runs",
    async try({ store, effects, effect }) {
      const answer = await store.transact(operation, effect("one", "rollback"));
      expectSame(answer, { kind: "executed", value: "one" }, "Work that ran hands its value on");
      expectSame([await effects(), await store.inspect(name)], [[], undefined], "A rollback leaves nothing");
      const next = await store.transact(operation, effect("two", "commit"));
      expectSame(next, { kind: "executed", value: "two" }, "After a rollback the next one runs");
      expectSame(await effects(), ["two"], "What was committed is there");
    },
  },
  {
    name: "what the work throws rolls all of it back, is thrown on, and leaves the connections free",
    async try({ store, effects, effect }) {
      const overdue = new OnceAgainError("ONCE_HANDLER_TIMEOUT", "The work was given up, and goes on.");
      for (let time = 0; time < faults; time += 1) {
        const fault = time % 2 === 0 ? new Error("fault") : overdue;
        const failing = async (transaction: unknown): Promise<never> => {
          await effect("one", "commit")(transaction);
          throw fault;
        };
        const keyed = () => whenFree(() => store.transact(operation, failing));
        for (const run of [keyed, () => store.transactUnkeyed(failing)]) {
          const thrown = await run().catch((error: unknown) => error);
          expectThat(thrown === fault, "What the work throws is thrown on", thrown);
        }
      }
      expectSame([await effects(), await store.inspect(name)], [[], undefined], "A fault leaves nothing");
      const next = await store.transact(operation, effect("two", "commit"));
      expectSame(next, { kind: "executed", value: "two" }, "After a fault the next one runs");
    },
  },
  {
    name: "work that ends its transaction itself is reported",
    needs: "statements",
    async try({ store, execute }) {
      for (const statement of ["COMMIT", "ROLLBACK"]) {
        for (const keep of ["commit", "answer-only"] as const) {
          const run = store.transact({ ...operation, key: `${statement} ${keep}` }, async (transaction) => {
            await execute(transaction, statement);
            return { keep, result, value: undefined };
          });
          await expectRefused(run, "ONCE_HANDLER_FAILED", `Work that ends its transaction by ${statement} is reported`);
        }
      }
    },
  },
  {
    name: "work may use its own savepoints",
    needs: "statements",
    async try({ store, execute, effects, effect }) {
      await store.transact(operation, async (transaction) => {
        const statements = [insert("one"), "SAVEPOINT mine", insert("two"), "ROLLBACK TO SAVEPOINT mine"];
        for (const statement of statements) await execute(transaction, statement);
        return effect("three", "commit")(transaction);
      });
      expectSame(await effects(), ["one", "three"], "What the work undid itself is undone, and nothing else");
    },
  },
  {
    name: "work without a key commits or rolls back too, and leaves no record",
    async try({ store, effects, effect }) {
      for (const keep of ["commit", "answer-only", "rollback"] as const) {
        expectSame(await store.transactUnkeyed(effect(keep, keep)), keep, "Work that ran hands its value on");
      }
      expectSame(await effects(), ["commit"], "Only what was to be committed is committed");
      expectSame(await store.list({}), [], "Work without a key leaves no record");
    },
  },
];

/** Work that was given up loses its connection, and the database holds its key until it has noticed. */
async function whenFree<Value>(transact: () => Promise<TransactionAnswer<Value>>): Promise<TransactionAnswer<Value>> {
  for (let asked = 1; ; asked += 1) {
    const answer = await transact();
    if (answer.kind !== "in-progress" || asked === asksMax) return answer;
    await setTimeout(10);
  }
}

async function expectReplay(store: TransactionalStore<unknown>): Promise<void> {
  let ran = false;
  const replay = await store.transact(operation, async () => {
    ran = true;
    return { keep: "rollback", result, value: undefined };
  });
  expectSame(
    { replay, ran },
    { replay: { kind: "done", result }, ran: false },
    "A repeat gets the result, and runs nothing",
  );
}
