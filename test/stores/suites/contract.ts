/* oxlint-disable vitest/valid-title, vitest/require-top-level-describe, vitest/valid-describe-callback -- A suite for test files. */
import { describe, onTestFinished, test } from "vitest";
import { fakeClock } from "../../../packages/testing/src/fake-clock.ts";
import { storeContract } from "../../../packages/testing/src/store-contract/store-contract.ts";
import type { ContractCase } from "../../../packages/testing/src/store-contract/contract-case.ts";
import { transactionContract } from "../../../packages/testing/src/store-contract/transaction-contract.ts";
import type { RecordName } from "../../../packages/once-again/src/stores/store.ts";
import { describeStores } from "../../kits/describe-stores.ts";
import type { TestedStore } from "../../kits/store-kit.ts";

function testAll(cases: readonly ContractCase[], not: Readonly<Record<string, string>> = {}): void {
  for (const { name, run } of cases.filter(({ name }) => !(name in not))) test(name, run);
}

/** The promises of every store: on each of its servers, through each of its clients, and by a clock of the test. */
export async function describeContract(stores: readonly TestedStore[]): Promise<void> {
  await describeStores("contract", stores, ({ tested, parts, place, isSlow }) => {
    const { clients, onClock } = parts;
    const { clockDoubtMs, purges, not } = tested.contract ?? {};
    const breaks = parts.breakRecord && {
      breakRecord: (records: string, name: RecordName) => parts.breakRecord!(place(), records, name),
    };

    describe("to the millisecond", () => {
      const clock = fakeClock(1_700_000_000_000);
      const open = (records: string) => onClock(place(), records, clock);
      testAll(storeContract({ clock, open, purges, ...breaks }), not);
    });

    if (isSlow) return;
    describe.for(Object.entries(clients))("through %s, by its own clock", ([, openRecords]) => {
      const open = (records: string) => openRecords(place(), records);
      testAll(storeContract({ open, clockDoubtMs, ...breaks }));
    });
  });

  await describeStores("transactions", stores, ({ tested, parts, place }) => {
    const { clients, ownDatabase } = parts;
    describe.for(Object.keys(clients))("in transactions, through %s", (client) => {
      const open = async () => {
        const own = await ownDatabase!(place(), client);
        onTestFinished(() => own[Symbol.asyncDispose]());
        return own;
      };
      testAll(transactionContract({ open, parallel: tested.contract?.parallel ?? true }));
    });
  });
}
