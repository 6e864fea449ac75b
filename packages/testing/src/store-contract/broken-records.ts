import type { StoreContractOptions, StoreRule } from "./contract-case.ts";
import { abandon, acquire, claimOf, named, result, retentionMs } from "./requests.ts";
import { expectLike, expectRefused, expectSame } from "./rule.ts";

/** That what a store can't have written is never an answer. */
export function brokenRecordRules(breakRecord: NonNullable<StoreContractOptions["breakRecord"]>): readonly StoreRule[] {
  return [
    {
      name: "a broken record is an error to who claims it, is shown as broken, and can be released",
      async try({ store, records }) {
        const names = { running: named("running"), abandoned: named("abandoned"), done: named("done") };
        const whole = named("whole");
        for (const name of [names.running, names.done, whole]) await acquire(store, claimOf(name, { owner: "me" }));
        await abandon(store, claimOf(names.abandoned));
        await store.complete({ ...names.done, owner: "me", result, retentionMs });
        for (const name of Object.values(names)) {
          await breakRecord(records, name);
          for (const takeOverAfterMs of [undefined, 0]) {
            const claim = async () => store.claim(claimOf(name, { takeOverAfterMs }));
            await expectRefused(claim(), "ONCE_RECORD_BROKEN", `A broken record that was ${name.key} is no answer`);
          }
          expectLike(await store.inspect(name), { ...name, state: "broken" }, "A broken record is shown as broken");
        }
        const broken = Object.keys(names).map((key) => `${key} broken`);
        for (const content of ["whole", "sizes"] as const) {
          const states = (await store.list({ content })).map(({ key, state }) => `${key} ${state}`);
          expectSame(states, [...broken, "whole running"].toSorted(), "A list shows broken records beside whole ones");
        }
        for (const name of Object.values(names)) {
          const released = await store.resolve({ ...name, settlement: { as: "not-executed" } });
          expectSame(released, true, "A broken record is released as not executed");
          expectLike(await acquire(store, claimOf(name)), { attempt: 1 }, "What was released runs afresh");
        }
      },
    },
    {
      name: "a broken record fails its own claim alone, whatever is claimed at the same moment",
      async try({ store, records }) {
        const names = Array.from({ length: 9 }, (_, index) => named(`of nine ${index}`));
        const broken = names[4]!;
        await acquire(store, claimOf(broken));
        await breakRecord(records, broken);
        const claims = await Promise.allSettled(names.map(async (name) => store.claim(claimOf(name))));
        const ends = claims.map((claim) => (claim.status === "fulfilled" ? claim.value.kind : claim.reason?.code));
        const expected = names.map((name) => (name === broken ? "ONCE_RECORD_BROKEN" : "acquired"));
        expectSame(ends, expected, "Claims of the same moment know nothing of each other's records");
      },
    },
  ];
}
