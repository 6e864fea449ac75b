import { describe, expect, test } from "vitest";
import { brokenStores, brokenTimes } from "../../../../test/support/broken-stores/index.ts";
import { sharedStores } from "../../../../test/support/shared-stores.ts";
import { OnceAgainError } from "once-again";
import { memoryStore } from "once-again/stores/memory";
import type { Store } from "once-again/stores";
import { fakeClock } from "../fake-clock.ts";
import type { ContractCase } from "./contract-case.ts";
import { storeContract } from "./store-contract.ts";

const clock = fakeClock(1_700_000_000_000);
const seed = "the same histories each time";

/** The names of the cases that fail, with what each said. */
async function failures(cases: readonly ContractCase[]): Promise<Map<string, Error>> {
  const failed = new Map<string, Error>();
  for (const { name, run } of cases) await run().catch((error: Error) => failed.set(name, error));
  return failed;
}

function brokenContract(flawed: (store: Store) => Partial<Store>, onClock: boolean): ContractCase[] {
  const options = onClock ? { clock } : {};
  const open = sharedStores(() => {
    const store = memoryStore(options);
    return { ...store, ...flawed(store) };
  });
  return storeContract({ open, seed, ...options });
}

describe("the store contract", () => {
  test.for(brokenStores)("fails a store of which is true: $flaw", async ({ break: flawed, caughtBy }) => {
    const failed = await failures(brokenContract(flawed, true));
    const [name, error] = [...failed].find(([name]) => name.startsWith(caughtBy)) ?? [];
    expect(name, `failed instead: ${[...failed.keys()].join("; ")}`).toBeDefined();
    expect(error).toMatchObject({ code: "ERR_ASSERTION" });
  });

  test.for(brokenTimes)("fails it where time can't be moved, too: $flaw", async ({ break: flawed }) => {
    const failed = await failures(brokenContract(flawed, false));
    expect([...failed.keys()]).toContainEqual(expect.stringContaining("end when their time is up, and not before"));
  });

  test("holds a store with bounded results to its bound", async () => {
    const bounded = (resultBytesMax: number, isRefusing: boolean) =>
      storeContract({
        open: sharedStores(() => {
          const store = memoryStore();
          const complete: Store["complete"] = async (request) => {
            const isTooLarge = isRefusing && request.result.length > 2000;
            if (isTooLarge) throw new OnceAgainError("ONCE_RESULT_TOO_LARGE", "It is larger than 2000 bytes.");
            return store.complete(request);
          };
          return { ...store, resultBytesMax, complete };
        }),
      });
    expect([...(await failures(bounded(2000, true))).keys()]).toEqual([]);
    expect([...(await failures(bounded(2001, true))).keys()]).toEqual(["results of any length come back whole"]);
    expect([...(await failures(bounded(2000, false))).keys()]).toEqual([
      "a result that is too large is refused by name, and the key stays its owner's",
    ]);
    expect([...(await failures(bounded(999, true))).keys()]).toEqual([
      "a result that is too large is refused by name, and the key stays its owner's",
    ]);
  });

  test("says which rule was broken, what was expected and what came", async () => {
    const failed = await failures(brokenContract(() => ({ claim: async () => ({ kind: "mismatch" }) }), true));
    const message = failed.get("a completed key answers every claim with its result, byte for byte")?.message;
    expect(message).toContain("A key that is free is acquired.\n  but came: { kind: 'mismatch' }");
  });

  test("says the seed and the steps of a random history that went wrong", async () => {
    const failed = await failures(brokenContract(() => ({ renew: async () => true }), true));
    const message = failed.get("a store does what `transition` says, step by step, in any history")?.message;
    expect(message).toContain(`(seed "${seed}")`);
    expect(message?.split("\n").findLast((line) => line.startsWith("    {"))).toMatch(/"kind":"renew"/);
  });

  test("closes what it opened, also when a rule was broken", async () => {
    let open = 0;
    const opened = (flaw: Partial<Store>) => () => {
      open += 1;
      return { ...memoryStore(), ...flaw, close: async () => void (open -= 1) };
    };
    await failures(storeContract({ open: opened({ claim: async () => ({ kind: "mismatch" }) }) }));
    expect(open).toBe(0);
  });
});
