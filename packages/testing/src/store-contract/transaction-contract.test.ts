import { describe, expect, test } from "vitest";
import { brokenTransactions } from "../../../../test/support/broken-stores/transactions.ts";
import { effectsDatabase } from "../../../../test/support/effects-database.ts";
import { transactionContract } from "./transaction-contract.ts";

describe("the transaction contract", () => {
  test.for(brokenTransactions)("fails a store of which is true: $flaw", async ({ break: flawed, caughtBy }) => {
    const cases = transactionContract({
      parallel: false,
      open(records) {
        const fixture = effectsDatabase(records);
        return { ...fixture, store: { ...fixture.store, ...flawed(fixture.store) } };
      },
    });
    const failed = new Map<string, unknown>();
    for (const { name, run } of cases) await run().catch((error: unknown) => failed.set(name, error));
    const [name, error] = [...failed].find(([name]) => name.startsWith(caughtBy)) ?? [];
    expect(name, `failed instead: ${[...failed.keys()].join("; ")}`).toBeDefined();
    expect(error).toMatchObject({ code: "ERR_ASSERTION" });
  });
});
