import type { ListRequest, Store } from "once-again/stores";
import type { StoreRule } from "./contract-case.ts";
import { abandon, acquire, claimOf, longMs, named, result, retentionMs, takeOver } from "./requests.ts";
import { expectLike, expectRefused, expectSame, expectThat } from "./rule.ts";

const settlement = { as: "done", result: Uint8Array.of(9), retentionMs } as const;
const all = ["a/1 running", "a/10 abandoned", "a/2 done", "b/1 running"];

/** The records that people look at and settle. */
export const operatorRules: readonly StoreRule[] = [
  {
    name: "records are listed in the order of scope and key, by scope, by state, page by page",
    async try({ store }) {
      await fill(store);
      const lists: [ListRequest, readonly string[]][] = [
        [{}, all],
        [{ scope: "a" }, all.slice(0, 3)],
        [{ scope: "c" }, []],
        [{ state: "running" }, ["a/1 running", "b/1 running"]],
        [{ state: "abandoned" }, ["a/10 abandoned"]],
        [{ state: "done", scope: "a" }, ["a/2 done"]],
        [{ limit: 2 }, all.slice(0, 2)],
        [{ limit: 2, after: { scope: "a", key: "10" } }, all.slice(2)],
        [{ after: { scope: "a", key: "zzz" } }, all.slice(3)],
        [{ state: "running", limit: 1, after: { scope: "a", key: "1" } }, ["b/1 running"]],
        [{ after: { scope: "b", key: "1" } }, []],
      ];
      for (const [request, expected] of lists) {
        expectSame(await listed(store, request), expected, `list(${JSON.stringify(request)}) holds what it asks for`);
      }
      for (const found of await store.list({})) {
        expectSame(found, await store.inspect(found), "A list shows a record as inspect does");
      }
    },
  },
  {
    name: "a list of sizes has records without results and steps, and says how much they hold",
    async try({ store }) {
      await fill(store);
      const [steps, empty] = [claimOf(named("3", "a")), claimOf(named("\u001b[2J", "50%\u0000\u202e"))];
      for (const claim of [steps, empty]) await acquire(store, claim);
      await store.complete({ ...empty, result: new Uint8Array(), retentionMs });
      // A stored step that is stored again stays one.
      const checkpoints = [
        ...["1", "2", "1"].map((step) => ({ step, result })),
        { step: '"\n', result: new Uint8Array() },
      ];
      for (const checkpoint of checkpoints) await store.checkpoint({ ...steps, ...checkpoint });
      const requests = [{}, { state: "running" }, { state: "abandoned", order: "age" }, { state: "done" }] as const;
      for (const request of requests) {
        const expected = (await store.list(request)).map((whole) => ({
          ...whole,
          record: { ...whole.record, result: undefined, checkpoints: {} },
          sizes: {
            resultBytes: whole.record.result?.length,
            checkpoints: Object.keys(whole.record.checkpoints).length,
          },
        }));
        const sizes = await store.list({ ...request, content: "sizes" });
        expectSame(
          sizes,
          expected,
          `A list of sizes, ${JSON.stringify(request)}, is that of whole records without bytes`,
        );
      }
    },
  },
  {
    name: "records are found by their key alone, and by the beginning of their scope, whatever characters they have",
    async try({ store }) {
      await fill(store);
      const odd = ["50%_|\\*?[", "50%_|\\*?[x", "50x_|\\*?["].map((scope) => named('k"]', scope));
      for (const name of odd) await acquire(store, claimOf(name));
      const lists: [ListRequest, readonly string[]][] = [
        [{ key: "1" }, ["a/1 running", "b/1 running"]],
        [{ key: "1", scope: "b" }, ["b/1 running"]],
        [{ key: "1", scopePrefix: "b" }, ["b/1 running"]],
        [{ key: "1", state: "abandoned" }, []],
        [{ key: "1", limit: 1, after: named("1", "a") }, ["b/1 running"]],
        [{ key: "" }, []],
        [{ scopePrefix: "" }, [...odd.map(({ scope, key }) => `${scope}/${key} running`), ...all]],
        [{ scopePrefix: "50%" }, odd.slice(0, 2).map(({ scope, key }) => `${scope}/${key} running`)],
        [{ scopePrefix: "50%_|\\*?[x" }, [`${odd[1]!.scope}/k"] running`]],
        [{ scopePrefix: "aa" }, []],
        [{ key: 'k"]', scopePrefix: "50x" }, [`${odd[2]!.scope}/k"] running`]],
      ];
      for (const [request, expected] of lists) {
        expectSame(await listed(store, request), expected, `list(${JSON.stringify(request)}) holds what it asks for`);
      }
    },
  },
  {
    name: "by age, those that are held longest come first, page by page",
    async try({ store, pass }) {
      for (const [key, scope] of [
        ["3", "b"],
        ["2", "c"],
        ["1", "a"],
      ] as const) {
        await abandon(store, claimOf(named(key, scope)));
        await pass(5);
      }
      await acquire(store, claimOf(named("runs", "a")));
      const byAge: ListRequest = { state: "abandoned", order: "age" };
      const shown = ["b/3 abandoned", "c/2 abandoned", "a/1 abandoned"];
      expectSame(await listed(store, byAge), shown, "Those that are held longest come first");
      expectSame(await listed(store, { order: "age" }), [...shown, "a/runs running"], "Running ones come after them");
      expectSame(await listed(store, { ...byAge, scopePrefix: "b" }), shown.slice(0, 1), "Other conditions hold, too");
      const pages: string[] = [];
      let after: ListRequest["after"];
      do {
        const [found] = await store.list({ ...byAge, limit: 1, after });
        after = found && { scope: found.scope, key: found.key, leaseUntil: found.record.leaseUntil };
        if (found !== undefined) pages.push(`${found.scope}/${found.key} ${found.state}`);
      } while (after !== undefined);
      expectSame(pages, shown, "Each page goes on where the one before ended");
      const withoutPlace = async () => store.list({ ...byAge, after: named("1", "a") });
      await expectRefused(withoutPlace(), "ONCE_OPTION_INVALID", "A place without the end of its lease is refused");
    },
  },
  {
    name: "a list has at most 100 records unless it asks for more, and refuses a limit out of bounds",
    async try({ store }) {
      const keys = Array.from({ length: 101 }, (_, index) => `${1000 + index}`);
      for (const key of keys) await acquire(store, claimOf(named(key)));
      const listedKeys = async (limit: { limit?: number }) => (await store.list(limit)).map(({ key }) => key);
      expectSame(await listedKeys({}), keys.slice(0, 100), "A list has at most 100 records by default");
      expectSame(await listedKeys({ limit: 1000 }), keys, "A list has as many records as it asks for");
      for (const limit of [0, -1, 1.5, 1001, Number.NaN]) {
        const list = async () => store.list({ limit });
        await expectRefused(list(), "ONCE_OPTION_INVALID", `A limit of ${limit} is refused`);
      }
    },
  },
  {
    name: "a record is inspected in its state, and an unknown one is not there",
    async try({ store }) {
      await fill(store);
      for (const shown of all) {
        const [scope = "", key = "", state] = shown.split(/[/ ]/);
        expectLike(await store.inspect({ scope, key }), { scope, key, state }, "A record is inspected in its state");
      }
      expectSame(await store.inspect(named("3", "a")), undefined, "An unknown record is not there");
    },
  },
  {
    name: "an expired record is neither inspected nor listed, and a purge leaves all others",
    async try({ store, pass }) {
      await fill(store);
      await abandon(store, claimOf(named("brief"), { heldRetentionMs: 1 }));
      await pass(1);
      expectSame(await store.inspect(named("brief")), undefined, "An expired record is not inspected");
      expectSame(await listed(store, {}), all, "An expired record is not listed");
      // The number that a purge finds is not checked here: some engines forget what expired by themselves.
      const purged = await store.purge({ limit: 10 });
      expectThat(purged === 0 || purged === 1, "A purge removes no more than what expired", purged);
      expectSame(await listed(store, {}), all, "A purge leaves what has not expired");
    },
  },
  {
    name: "a record without a result is stored however short its retention is, and a purge passes it",
    async try({ store, pass }) {
      await abandon(store, claimOf(named("held"), { retentionMs: 1 }));
      await pass(1);
      expectSame(await store.purge({ limit: 10 }), 0, "A purge passes what has no result");
      expectSame(await listed(store, {}), ["acme/held abandoned"], "What has no result is stored until it is settled");
      expectLike(await store.claim(claimOf(named("held"))), { kind: "abandoned" }, "A held key is held");
    },
  },
  {
    name: "where a store counts its held keys, it counts those that are held for ever, and no others",
    async try({ store, pass }) {
      if (store.countHeld === undefined) return;
      expectSame(await store.countHeld(), { keys: 0 }, "Where no key is held, none is counted");
      await fill(store);
      await pass(50);
      await abandon(store, claimOf(named("later")));
      await abandon(store, claimOf(named("forgotten"), { heldRetentionMs: longMs }));
      const held = await store.countHeld();
      expectSame(held.keys, 2, "A store counts what is held, and nothing that runs, is done, or expires by itself");
      expectThat((held.oldestMs ?? 0) >= 50, "It says for how long the oldest has been held", held);
    },
  },
  {
    name: "who settled a record as done, and when, is stored with it",
    async try({ store }) {
      await fill(store);
      await abandon(store, claimOf(named("11", "a")));
      const note = Uint8Array.of(0, 10, 255, 33);
      await store.resolve({ ...named("10", "a"), settlement: { ...settlement, note } });
      await store.resolve({ ...named("11", "a"), settlement });
      const recordOf = async (key: string) => (await store.inspect(named(key, "a")))?.record;
      const noted = await recordOf("10");
      expectLike(noted, { settlementNote: note }, "The note of a settlement is stored with the record");
      expectLike(await recordOf("11"), { settlementNote: Uint8Array.of() }, "A settlement may have no note");
      const { createdAt = Number.NaN, settledAt = Number.NaN, expiresAt = Number.NaN } = noted ?? {};
      expectThat(settledAt >= createdAt, "When a record was settled is stored with it", noted);
      expectThat(settledAt === expiresAt - settlement.retentionMs, "It is the time by the store's clock", noted);
      const own = await recordOf("2");
      expectLike(
        own,
        { settledAt: undefined, settlementNote: undefined },
        "What its own attempt completed was settled by no person",
      );
    },
  },
  {
    name: "the details of an operation are stored with it until it is gone, and a renewal may replace them",
    async try({ store }) {
      const detailsOf = async (key: string) => (await store.inspect(named(key)))?.record.details;
      const [claimed, renewed] = [Uint8Array.of(0, 10, 255, 33), Uint8Array.of(34)];
      const first = claimOf(named("first"), { details: claimed });
      await acquire(store, first);
      expectSame(await detailsOf("first"), claimed, "The details of a claim are stored with its record");
      await store.renew({ ...first });
      expectSame(await detailsOf("first"), claimed, "A renewal that brings no details leaves them");
      await store.renew({ ...first, leaseMs: 0, details: renewed });
      expectSame(await detailsOf("first"), renewed, "The details of a renewal take their place");
      await store.resolve({ ...named("first"), settlement });
      expectSame(await detailsOf("first"), renewed, "They are stored beside what a person settled");
      expectSame((await store.list({}))[0]?.record.details, renewed, "A list shows them");
      await abandon(store, claimOf(named("taken"), { details: claimed }));
      await takeOver(store, claimOf(named("taken")), { details: renewed });
      expectSame(await detailsOf("taken"), renewed, "A claim that takes a key over brings its own");
      const done = claimOf(named("done"), { details: claimed });
      await acquire(store, done);
      await store.complete({ ...done, result });
      expectSame(await detailsOf("done"), claimed, "They are stored beside a result");
      const gone = claimOf(named("gone"), { details: claimed });
      await acquire(store, gone);
      await store.release(gone);
      await acquire(store, claimOf(named("gone")));
      expectSame(await detailsOf("gone"), undefined, "They are gone with a record that was released");
    },
  },
  {
    name: "only an abandoned record is settled, as done or as not executed",
    async try({ store }) {
      await fill(store);
      for (const as of [settlement, { as: "not-executed" } as const]) {
        for (const key of ["1", "2", "unknown"]) {
          expectSame(
            await store.resolve({ ...named(key, "a"), settlement: as }),
            false,
            "Only an abandoned key is settled",
          );
        }
      }
      expectSame(await listed(store, {}), all, "A settlement that was refused changes nothing");
      expectSame(await store.resolve({ ...named("10", "a"), settlement }), true, "An abandoned key is settled");
      const replay = await store.claim(claimOf(named("10", "a")));
      expectSame(
        replay,
        { kind: "done", result: settlement.result },
        "What was settled as done answers with its result",
      );
      const late = await store.complete({ ...named("10", "a"), owner: "me", result, retentionMs });
      expectSame(late, false, "A late owner learns that its key was settled");
    },
  },
  {
    name: "a purge of nothing removes nothing and counts nothing, however often it is asked for",
    async try({ store }) {
      await fill(store);
      const all = await listed(store, {});
      for (const limit of [1, 1000, 1000]) {
        expectSame(await store.purge({ limit }), 0, "Where nothing has expired, a purge counts nothing");
      }
      expectSame(await listed(store, {}), all, "Where nothing has expired, a purge removes nothing");
    },
  },
  {
    name: "what was settled as not executed runs afresh",
    async try({ store }) {
      await fill(store);
      await store.resolve({ ...named("10", "a"), settlement: { as: "not-executed" } });
      const again = await acquire(store, claimOf(named("10", "a"), { fingerprint: "g" }));
      expectLike(again, { attempt: 1, abandoned: false }, "What was not executed runs afresh");
    },
  },
];

/** One record of each state, and one of another scope, claimed in no order. */
async function fill(store: Store): Promise<void> {
  const [outside, done, abandoned, running] = [named("1", "b"), named("2", "a"), named("10", "a"), named("1", "a")];
  for (const name of [outside, done, running]) await acquire(store, claimOf(name, { owner: "me" }));
  await store.complete({ ...done, owner: "me", result, retentionMs });
  await abandon(store, claimOf(abandoned, { owner: "me" }));
}

async function listed(store: Store, request: ListRequest): Promise<string[]> {
  return (await store.list(request)).map(({ scope, key, state }) => `${scope}/${key} ${state}`);
}
