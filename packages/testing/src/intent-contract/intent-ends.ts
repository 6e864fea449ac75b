import type { IntentStore } from "once-again/intents";
import { expectLike, expectRefused, expectSame, expectThat } from "../store-contract/rule.ts";
import { addRequest, claimOf, idsOf, type IntentRule } from "./intent-case.ts";

type IntentOutcome = Parameters<IntentStore["end"]>[0]["outcome"];

const retentionMs = 60_000;
const answer = {
  status: 201,
  headers: [["content-type", "text/plain"]] as const,
  body: Uint8Array.of(0, 255, 10),
  truncated: false,
};
const done: IntentOutcome = { state: "done", answer };
const outcomes: readonly IntentOutcome[] = [
  done,
  { state: "failed", why: "answered", answer: { ...answer, body: new Uint8Array(), truncated: true } },
  { state: "done", answer: { ...answer, url: "https://shop.example/orders/1?of=me", redirected: true } },
  { state: "failed", why: "unsendable" },
  { state: "failed", why: "time" },
  { state: "unknown", why: "answered", answer },
  { state: "unknown", why: "time" },
  { state: "unknown", why: "keys" },
];

/** How intents end, and what becomes of them then. */
export const endRules: readonly IntentRule[] = [
  {
    name: "an outcome is stored as it is, and ends the intent for good",
    async try({ store, other }) {
      for (const [at, outcome] of outcomes.entries()) {
        const id = `order ${at}`;
        await store.add(addRequest(id));
        await store.claim(claimOf());
        const end = { id, owner: "one", outcome, retentionMs };
        expectSame(await store.end(end), true, "An owner ends its intent");
        expectSame(await store.end(end), true, "An owner that missed the answer ends it again");
        const found = await other.inspect(id);
        expectLike(found, outcome, "An outcome is stored as it is");
        expectSame("answer" in found!, "answer" in outcome, "An outcome without an answer has none");
        const owned = { id, owner: "one" };
        expectSame(
          await store.postpone({ ...owned, delayMs: 0, inDoubt: false }),
          false,
          "What ended is not postponed",
        );
        expectSame(await store.renew({ ...owned, leaseMs: 1000 }), false, "What ended has no lease");
        const next = await store.claim(claimOf({ owner: "two" }));
        expectSame(next, { intents: [], nextMs: undefined }, "What ended is not due");
      }
    },
  },
  {
    name: "intents are listed in the order of their ids, by state and page",
    async try({ store }) {
      for (const id of ["b", "a", "B", "é", "_"]) await store.add(addRequest(id));
      const order = ["B", "_", "a", "b", "é"];
      // Which of those that were added within one millisecond is claimed first, is the store's choice.
      const [ended] = idsOf(await store.claim(claimOf({ limit: 1 })));
      await store.end({ id: ended!, owner: "one", outcome: done, retentionMs });
      const ids = async (page: Parameters<IntentStore["list"]>[0]) => (await store.list(page)).map(({ id }) => id);
      expectSame(await ids({}), order, "All are listed in order");
      expectSame(await ids({ limit: 2, after: "_" }), ["a", "b"], "A page goes on after an id");
      const pending = order.filter((id) => id !== ended);
      expectSame(await ids({ state: "pending", limit: 2 }), pending.slice(0, 2), "A state is listed alone");
      expectSame(await ids({ state: "pending", after: pending[1] }), pending.slice(2), "So is its next page");
      expectSame(await ids({ state: "done" }), [ended], "What is done is listed alone");
      expectSame(await ids({ state: "unknown" }), [], "A state that none has, is empty");
      for (const limit of [0, 1001, 1.5]) {
        await expectRefused(store.list({ limit }), "ONCE_OPTION_INVALID", `A page of ${limit} is refused`);
      }
    },
  },
  {
    name: "only what is unknown is settled or opened again, and its owner's late end changes neither",
    async try({ store, other }) {
      const unknown: IntentOutcome = { state: "unknown", why: "keys" };
      for (const id of ["pending", "done", "settled", "opened"]) await store.add(addRequest(id));
      await store.claim(claimOf({ limit: 4 }));
      await store.end({ id: "done", owner: "one", outcome: done, retentionMs });
      for (const id of ["settled", "opened"]) await store.end({ id, owner: "one", outcome: unknown, retentionMs });
      for (const id of ["pending", "done", "none"]) {
        expectSame(await store.settle({ id, outcome: done, retentionMs }), false, `What is ${id} is not settled`);
        expectSame(await store.reopen(id), false, `What is ${id} is not opened again`);
      }
      expectSame(await store.settle({ id: "settled", outcome: done, retentionMs }), true, "What is unknown is settled");
      expectSame(await store.reopen("opened"), true, "What is unknown is opened again");
      for (const id of ["settled", "opened"]) {
        const late = await store.end({ id, owner: "one", outcome: unknown, retentionMs });
        expectSame(late, false, "The owner's late end changes nothing");
      }
      expectLike(await other.inspect("settled"), { state: "done", answer }, "It is as it was settled");
      const opened = { state: "pending", inDoubt: true, leaseUntil: 0, claims: 1 };
      expectLike(await other.inspect("opened"), opened, "What is opened again is in doubt");
      const { intents } = await other.claim(claimOf({ owner: "two" }));
      expectSame([intents.length, intents[0]?.key], [1, "key of opened"], "It comes again, with its own key");
    },
  },
  {
    name: "only what has ended is forgotten, and of that only what is not unknown is purged",
    async try({ store, pass }) {
      for (const [id, outcome] of [
        ["done", done],
        ["unknown", { state: "unknown", why: "time" }],
        ["failed", { state: "failed", why: "time" }],
      ] as const) {
        await store.add(addRequest(id));
        await store.claim(claimOf());
        await store.end({ id, owner: "one", outcome, retentionMs: 50 });
      }
      await store.add(addRequest("pending"));
      await store.add(addRequest("retained"));
      await store.claim(claimOf({ limit: 100 }));
      await store.end({ id: "retained", owner: "one", outcome: done, retentionMs });
      await pass(51);
      expectSame(await store.purge({ limit: 1 }), 1, "A purge removes no more than its limit");
      expectSame(await store.purge({ limit: 100 }), 1, "A purge removes what is past its retention");
      const left = (await store.list({})).map(({ id }) => id);
      expectSame(left, ["pending", "retained", "unknown"], "It leaves what is open, and what is retained");
      expectSame(await store.forget("pending"), false, "What is pending is not forgotten");
      expectSame(await store.forget("none"), false, "What is not there is not forgotten");
      expectSame(await store.forget("unknown"), true, "What has ended is forgotten");
      expectThat((await store.inspect("unknown")) === undefined, "What is forgotten is gone", await store.list({}));
      expectSame((await store.add(addRequest("unknown"))).kind, "added", "Its id is as good as new");
    },
  },
];
