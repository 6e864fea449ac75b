import { expectLike, expectSame, expectThat } from "../store-contract/rule.ts";
import { addRequest, claimOf, idsOf, type IntentRule, post } from "./intent-case.ts";

const retentionMs = 60_000;

/** Which intents can be added, and which owner has them. */
export const claimRules: readonly IntentRule[] = [
  {
    name: "an intent is found again over another connection, byte for byte",
    async try({ store, other }) {
      const added = await store.add(addRequest("ü-1"));
      expectSame(added.kind, "added", "A new intent is added");
      const found = await other.inspect("ü-1");
      const { key, fingerprint, request } = addRequest("ü-1");
      const expected = { id: "ü-1", key, fingerprint, request, state: "pending", claims: 0, inDoubt: false };
      expectLike(found, expected, "An intent is what was added");
      expectSame(found!.giveUpAt - found!.createdAt, 60_000, "It is given up so long after it was added");
      await store.add(addRequest("no body", { request: { ...post(), body: undefined } }));
      expectSame((await other.inspect("no body"))?.request.body, undefined, "A request without a body stays without");
      expectSame(await other.inspect("none"), undefined, "An id that was never added is not there");
    },
  },
  {
    name: "an id never becomes two intents, whichever connection adds it",
    async try({ store, other }) {
      const adding = Array.from({ length: 20 }, (_, at) =>
        (at % 2 === 0 ? store : other).add(addRequest("order", { key: `key ${at}` })),
      );
      const answers = await Promise.all(adding);
      expectSame(answers.filter(({ kind }) => kind === "added").length, 1, "One of 20 adds the intent");
      const keys = new Set(answers.map((answer) => (answer.kind === "full" ? "full" : answer.intent.key)));
      expectSame(keys.size, 1, "The others find its key, and not theirs");
    },
  },
  {
    name: "an intent that another store lost is added in doubt",
    async try({ store, other }) {
      await store.add(addRequest("lost", { inDoubt: true }));
      expectLike(await other.inspect("lost"), { state: "pending", inDoubt: true }, "It may have been sent already");
      const { intents } = await other.claim(claimOf());
      expectLike(intents[0], { id: "lost", inDoubt: true }, "Its claim says so");
    },
  },
  {
    name: "one more than may be open is refused; one that is there is found all the same",
    async try({ store }) {
      const openMax = 1;
      await store.add(addRequest("a", { openMax }));
      expectSame(await store.add(addRequest("b", { openMax })), { kind: "full" }, "A pending intent is open");
      expectSame((await store.add(addRequest("a", { openMax }))).kind, "found", "What is there is found, full or not");
      await store.claim(claimOf());
      await store.end({ id: "a", owner: "one", outcome: { state: "unknown", why: "time" }, retentionMs });
      expectSame(await store.add(addRequest("b", { openMax })), { kind: "full" }, "An unknown intent is open");
      await store.forget("a");
      expectSame((await store.add(addRequest("b", { openMax }))).kind, "added", "One that is forgotten makes room");
    },
  },
  {
    name: "of many claims at once, each intent goes to one",
    async try({ store, other }) {
      const ids = Array.from({ length: 30 }, (_, at) => `order ${at}`);
      for (const id of ids) await store.add(addRequest(id));
      const claims = await Promise.all(
        Array.from({ length: 12 }, (_, at) =>
          (at % 2 === 0 ? store : other).claim(claimOf({ owner: `owner ${at}`, limit: 4 })),
        ),
      );
      expectThat(
        claims.every(({ intents }) => intents.length <= 4),
        "A claim takes no more than its limit",
        claims,
      );
      const rest = await store.claim(claimOf({ owner: "rest", limit: 100 }));
      expectSame([...claims.flatMap(idsOf), ...idsOf(rest)].sort(), ids.sort(), "No intent goes to two, or to none");
    },
  },
  {
    name: "a claim says what it has, and when the next intent is due",
    async try({ store }) {
      expectSame(await store.claim(claimOf()), { intents: [], nextMs: undefined }, "An empty store has nothing");
      await store.add(addRequest("a"));
      const { intents, nextMs } = await store.claim(claimOf());
      const expected = { id: "a", state: "pending", claims: 1, inDoubt: false, request: post() };
      expectLike(intents[0], expected, "A claim gives what was added");
      const msLeft = intents[0]?.msLeft ?? 0;
      expectThat(msLeft > 0 && msLeft <= 60_000, "A claim says how long it may still be sent for", msLeft);
      expectThat(
        nextMs !== undefined && nextMs > 0 && nextMs <= 60_000,
        "The next is due with the lease's end",
        nextMs,
      );
      expectSame(idsOf(await store.claim(claimOf({ owner: "two" }))), [], "What is claimed can't be claimed again");
    },
  },
  {
    name: "what has been due the longest is claimed first",
    async try({ store, pass }) {
      for (const id of ["a", "b", "c"]) await store.add(addRequest(id));
      await store.claim(claimOf());
      for (const [id, delayMs] of [
        ["b", 0],
        ["c", 30],
        ["a", 60],
      ] as const) {
        await store.postpone({ id, owner: "one", delayMs, inDoubt: false });
      }
      await pass(61);
      const order: string[] = [];
      for (const owner of ["two", "three", "four"]) {
        order.push(...idsOf(await store.claim(claimOf({ owner, limit: 1 }))));
      }
      expectSame(order, ["b", "c", "a"], "The longest due comes first");
    },
  },
  {
    name: "origins that are left out are left where they are, and don't count as due",
    async try({ store }) {
      await store.add(addRequest("a", { request: post("http://slow.example/orders") }));
      await store.add(addRequest("b", { request: post("http://slow.example:81/orders") }));
      await store.add(addRequest("c", { request: post("https://shop.example/orders?x='") }));
      const slow = ["http://slow.example", "http://slow.example:81"];
      const claimed = await store.claim(claimOf({ exceptOrigins: [...slow, "http://\"'"] }));
      expectSame(idsOf(claimed), ["c"], "Only what goes elsewhere is claimed");
      const leased = await store.claim(claimOf({ owner: "two", exceptOrigins: slow }));
      expectThat(leased.intents.length === 0 && leased.nextMs !== undefined, "What is claimed is due later", leased);
      const done = { state: "failed", why: "unsendable" } as const;
      await store.end({ id: "c", owner: "one", outcome: done, retentionMs });
      const none = await store.claim(claimOf({ owner: "three", exceptOrigins: slow }));
      expectSame(none, { intents: [], nextMs: undefined }, "What is left out does not count as due");
      const ports = await store.claim(claimOf({ owner: "four", exceptOrigins: slow.slice(0, 1) }));
      expectSame(idsOf(ports), ["b"], "A port is an origin");
      expectSame(idsOf(await store.claim(claimOf({ owner: "five" }))), ["a"], "What was left out can be claimed later");
    },
  },
  {
    name: "a dead owner's intent goes to another after its lease, and is in doubt; the late owner changes nothing",
    async try({ store, other, pass }) {
      await store.add(addRequest("a"));
      await store.claim(claimOf({ leaseMs: 100 }));
      await pass(101);
      const { intents } = await other.claim(claimOf({ owner: "two" }));
      expectLike(intents[0], { id: "a", claims: 2, inDoubt: true }, "A take-over is in doubt");
      const late = { id: "a", owner: "one" };
      expectSame(await store.renew({ ...late, leaseMs: 1000 }), false, "A late owner renews nothing");
      expectSame(
        await store.postpone({ ...late, delayMs: 0, inDoubt: false }),
        false,
        "A late owner postpones nothing",
      );
      const outcome = { state: "failed", why: "time" } as const;
      expectSame(await store.end({ ...late, outcome, retentionMs }), false, "A late owner ends nothing");
      expectLike(await store.inspect("a"), { state: "pending", claims: 2 }, "It is its new owner's");
    },
  },
  {
    name: "a claim that is asked again gives what it has, and takes no more",
    async try({ store, other }) {
      for (const id of ["a", "b", "c"]) await store.add(addRequest(id));
      const ids = idsOf(await store.claim(claimOf({ limit: 2 }))).sort();
      expectSame(ids.length, 2, "A claim takes what it asked for");
      for (const more of [
        { limit: 2 },
        { limit: 10 },
        { limit: 1 },
        { limit: 0, exceptOrigins: ["http://shop.example"] },
      ]) {
        const again = await other.claim(claimOf(more));
        expectSame(idsOf(again).sort(), ids, "Asked again, it gives the same, whatever it asks for now");
        for (const intent of again.intents) {
          const same = { claims: 1, inDoubt: false, state: "pending", request: post() };
          expectLike(intent, same, "Nothing is in doubt for being asked for again, and it is one claim");
        }
      }
      const rest = ["a", "b", "c"].filter((id) => !ids.includes(id));
      expectSame(idsOf(await store.claim(claimOf({ owner: "two" }))), rest, "What it did not take is free");
      await store.postpone({ id: ids[0]!, owner: "one", delayMs: 60_000, inDoubt: false });
      expectSame(idsOf(await store.claim(claimOf())), ids.slice(1), "What was postponed is its owner's no more");
      await store.end({ id: ids[1]!, owner: "one", outcome: { state: "failed", why: "time" }, retentionMs });
      expectSame(idsOf(await store.claim(claimOf())), [], "What ended is not given again");
      await store.add(addRequest("d"));
      expectSame(idsOf(await store.claim(claimOf({ owner: "none", limit: 0 }))), [], "A claim of none takes none");
      expectLike(await store.inspect("d"), { claims: 0, leaseUntil: 0 }, "One that was not claimed has no lease");
    },
  },
  {
    name: "a claim that is asked again has its lease anew, also when that was over, until another claims",
    async try({ store, other, pass }) {
      await store.add(addRequest("a"));
      await store.claim(claimOf({ leaseMs: 100 }));
      await pass(101);
      const again = await store.claim(claimOf());
      expectLike(again.intents[0], { id: "a", claims: 1, inDoubt: false }, "Its owner knows that it sent nothing");
      expectSame(idsOf(await other.claim(claimOf({ owner: "two" }))), [], "Its lease holds anew");
      expectSame(await store.renew({ id: "a", owner: "one", leaseMs: 100 }), true, "Its owner renews it");
      await pass(101);
      const taken = await other.claim(claimOf({ owner: "two" }));
      expectLike(taken.intents[0], { id: "a", claims: 2, inDoubt: true }, "For another it is in doubt");
      expectSame(idsOf(await store.claim(claimOf())), [], "What another has claimed is not given again");
      const asked = await other.claim(claimOf({ owner: "two" }));
      expectLike(asked.intents[0], { id: "a", claims: 2, inDoubt: true }, "What was in doubt before stays in doubt");
    },
  },
  {
    name: "of many claims that are asked twice at once, each intent goes to one owner, which can ask for all that it has",
    async try({ store, other }) {
      const ids = Array.from({ length: 30 }, (_, at) => `order ${at}`);
      for (const id of ids) await store.add(addRequest(id));
      const owners = Array.from({ length: 6 }, (_, at) => `owner ${at}`);
      const asked = owners.flatMap((owner) => [store, other].map((each) => ({ owner, each })));
      const answers = await Promise.all(
        asked.map(async ({ owner, each }) => ({ owner, ids: idsOf(await each.claim(claimOf({ owner, limit: 3 }))) })),
      );
      const all: string[] = [];
      for (const owner of owners) {
        const has = idsOf(await store.claim(claimOf({ owner, limit: 0 })));
        const given = answers.filter((answer) => answer.owner === owner).flatMap((answer) => answer.ids);
        expectSame([...new Set(given)].sort(), has.sort(), "An owner has what both answers gave it");
        all.push(...has);
      }
      all.push(...idsOf(await store.claim(claimOf({ owner: "rest", limit: 100 }))));
      expectSame(all.sort(), ids.sort(), "No intent goes to two owners, or to none");
    },
  },
  {
    name: "a renewed lease is not taken over",
    async try({ store, other, pass }) {
      await store.add(addRequest("a"));
      let leaseMs = 1000;
      for (; ; leaseMs *= 4) {
        const from = performance.now();
        await store.claim(claimOf({ leaseMs }));
        const isRenewed = await store.renew({ id: "a", owner: "one", leaseMs: 60_000 });
        // A store that is slower than the lease has let it end.
        if (!isRenewed && performance.now() - from >= leaseMs) continue;
        expectSame(isRenewed, true, "An owner renews its lease");
        break;
      }
      await pass(leaseMs + 1);
      expectSame(idsOf(await other.claim(claimOf({ owner: "two" }))), [], "A renewed lease holds");
    },
  },
  {
    name: "a postponed intent is claimed when its delay is over, in doubt or not as its owner said",
    async try({ store, pass }) {
      await store.add(addRequest("a"));
      await store.claim(claimOf());
      const postponed = await store.postpone({ id: "a", owner: "one", delayMs: 60_000, inDoubt: true });
      expectSame(postponed, true, "An owner postpones");
      expectSame(idsOf(await store.claim(claimOf({ owner: "two" }))), [], "Nothing comes before its delay is over");
      await store.add(addRequest("b"));
      await store.claim(claimOf({ owner: "three" }));
      await store.postpone({ id: "b", owner: "three", delayMs: 20, inDoubt: false });
      await pass(21);
      const { intents } = await store.claim(claimOf({ owner: "four" }));
      expectSame(intents.length, 1, "Only what is due comes");
      expectLike(intents[0], { id: "b", inDoubt: false, postponedMs: 20, claims: 2 }, "It comes as it was postponed");
      const waiting = { inDoubt: true, leaseUntil: 0, postponedMs: 60_000 };
      expectLike(await store.inspect("a"), waiting, "A postponed intent has no owner");
    },
  },
  {
    name: "an intent that is postponed beyond its end is claimed at its end, and not before",
    async try({ store, pass }) {
      await store.add(addRequest("a", { giveUpAfterMs: 200 }));
      await store.claim(claimOf());
      await store.postpone({ id: "a", owner: "one", delayMs: 600_000_000, inDoubt: true });
      let { intents, nextMs } = await store.claim(claimOf({ owner: "two" }));
      // Where time passes by itself, its end may have come meanwhile.
      if (intents.length === 0) {
        expectThat(nextMs !== undefined && nextMs <= 200, "It is due at its end", nextMs);
        await pass(201);
        ({ intents } = await store.claim(claimOf({ owner: "two" })));
      }
      expectThat(intents.length === 1 && intents[0]!.msLeft <= 0, "It comes at its end, with no time left", intents);
    },
  },
];
