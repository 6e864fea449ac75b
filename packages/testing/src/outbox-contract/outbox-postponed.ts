import type { UnconfirmedMessage } from "once-again/outbox";
import type { ListUnconfirmedRequest } from "once-again/internal";
import { expectLike, expectSame, expectThat } from "../store-contract/rule.ts";
import { idsOf, inLine, listParked, type OutboxRule, positionsOf } from "./outbox-case.ts";

const owner = "one";
const hourMs = 3_600_000;

/** The rules for messages that were not published. */
export const postponeRules: readonly OutboxRule[] = [
  {
    name: "a message that is given back can be claimed again, at once or when its delay is over",
    async try({ outbox, add, claim, claimWhenFree }) {
      await add("k", "1", "2");
      await add(undefined, "free");
      const claimed = await claim({ owner });
      await outbox.postpone(positionsOf(claimed).map((position) => ({ position, owner, delayMs: 0 })));
      const again = await claim({ owner });
      expectSame(idsOf(again).sort(), ["1", "2", "free"], "What is given back is free");
      const delays = again
        .filter(({ id }) => id !== "2")
        .map(({ id, position }) => ({ position, delayMs: id === "1" ? hourMs : 1 }));
      await outbox.postpone(delays.map((delay) => ({ ...delay, owner })));
      expectSame(
        idsOf(await claimWhenFree()),
        ["free"],
        "A delay ends, and one that has not ended holds its whole key up",
      );
    },
  },
  {
    name: "what failed behind the oldest of its key has its delay when that is confirmed",
    async try({ outbox, add, claim }) {
      await add("k", "1", "2", "3");
      const [first, second] = await claim({ owner });
      await outbox.postpone([{ position: second!.position, owner, delayMs: hourMs, refusal: "no" }]);
      await outbox.confirm([first!.position]);
      expectSame(idsOf(await claim()), [], "The next of a key waits for its delay, and so do those after it");
    },
  },
  {
    name: "refusals are counted, and other ends are not",
    async try({ outbox, add, claim, claimWhenFree }) {
      await add(undefined, "1");
      const [message] = await claim({ owner });
      const { position } = message!;
      await outbox.postpone([{ position, owner, delayMs: 0, refusal: "no" }]);
      expectLike((await claim({ owner }))[0], { refusals: 1 }, "A refusal is counted");
      await outbox.postpone([{ position, owner, delayMs: 0 }]);
      expectLike(
        (await claimWhenFree({ owner, leaseMs: 1 }))[0],
        { refusals: 1 },
        "A broker that did not answer refused nothing",
      );
      expectLike((await claimWhenFree())[0], { refusals: 1 }, "A lease that is over is no refusal");
    },
  },
  {
    name: "a refusal that is repeated counts once",
    async try({ outbox, add, claim }) {
      await add("k", "1", "2");
      await add(undefined, "free");
      const claimed = await claim({ owner });
      const refused = claimed.filter(({ id }) => id !== "1").map(({ position }) => ({ position, owner, delayMs: 0 }));
      for (let times = 0; times < 3; times += 1)
        await outbox.postpone(refused.map((end) => ({ ...end, refusal: "no", refusals: 1 })));
      await outbox.confirm(positionsOf(claimed.filter(({ id }) => id === "1")));
      const counts = (await claim()).map(({ id, refusals }) => `${id}: ${refusals}`).sort();
      expectSame(counts, ["2: 1", "free: 1"], "A repeat after a lost answer refuses nothing");
    },
  },
  {
    name: "a late owner gives nothing back that another has claimed",
    async try({ outbox, add, claim, claimWhenFree }) {
      await add("k", "1");
      const [message] = await claimWhenFree({ owner, leaseMs: 1 });
      await claimWhenFree({ owner: "other" });
      await outbox.postpone([{ position: message!.position, owner, delayMs: 0, refusal: "no", park: "block" }]);
      expectSame(idsOf(await claim()), [], "It is still the other's");
      expectSame(await listParked(outbox), [], "And it is not parked");
    },
  },
  {
    name: "a late owner gives nothing back that another has parked or given back since",
    async try({ outbox, add, claim, claimAll }) {
      await add("k", "1", "2", "3");
      await add(undefined, "free");
      const late = [...(await claimAll(4, { owner, leaseMs: 1 })).values()];
      const seen = await claimAll(4, { owner: "other" });
      const ended = { owner: "other", delayMs: 0, refusal: "no", refusals: 1 };
      await outbox.postpone([
        { ...ended, position: seen.get("1")!, park: "block" },
        { ...ended, position: seen.get("2")!, delayMs: hourMs },
        { ...ended, position: seen.get("free")!, park: "block" },
      ]);
      const parked = await listParked(outbox);
      expectSame(
        parked.map(({ id }) => id),
        ["1", "free"],
        "The other relay has parked them",
      );
      for (const end of [{}, { refusal: "late", refusals: 9 }, { refusal: "late", park: "pass" as const }])
        await outbox.postpone(late.map((position) => ({ position, owner, delayMs: 0, ...end })));
      expectSame(await listParked(outbox), parked, "A late owner leaves parked messages as they are");
      expectSame(idsOf(await claim()), [], "Nothing that is parked, or behind it, can be claimed");
      for (const id of ["1", "free"]) await outbox.discardParked(id);
      expectSame(idsOf(await claim()), [], "A delay stays as the last owner set it");
    },
  },
  {
    name: "what is given back in one call may be held by one lease, whatever comes first",
    async try({ outbox, add, claim }) {
      await add("k", "1", "2", "3");
      const claimed = await claim({ owner });
      const ends = [{ park: "pass" as const }, { park: "pass" as const }, { delayMs: hourMs }];
      await outbox.postpone(
        claimed.map(({ position }, at) => ({ position, owner, delayMs: 0, refusal: "no", ...ends[at] })),
      );
      expectSame(
        (await listParked(outbox)).map(({ id }) => id),
        ["1", "2"],
        "Both are parked",
      );
      expectSame(idsOf(await claim()), [], "And the last one has its delay");
    },
  },
  {
    name: "a parked message blocks its own key, is listed, and can be tried again in its place",
    async try({ outbox, add, claim }) {
      await add("k", "1", "2");
      await add("l", "other");
      await add(undefined, "free", "poison");
      const claimed = await claim({ owner });
      const parked = claimed.filter(({ id }) => id === "1" || id === "poison");
      const rest = claimed.filter(({ id }) => id === "other" || id === "free");
      await outbox.postpone(
        parked.map(({ position }) => ({ position, owner, delayMs: 0, refusal: "no such route", park: "block" })),
      );
      await outbox.confirm(positionsOf(rest));
      await add("l", "other-2");
      expectSame(idsOf(await claim()), ["other-2"], "Other keys go on");
      const listed = await listParked(outbox);
      expectSame(
        listed.map(({ id }) => id),
        ["1", "poison"],
        "Parked messages are listed, the oldest first",
      );
      expectLike(
        listed[0],
        { orderingKey: "k", refusal: "no such route", refusals: 1, blocks: true },
        "A parked message says why",
      );
      expectLike(listed[1], { blocks: false }, "One without a key holds up none");
      const listedBy = async (request: ListUnconfirmedRequest): Promise<string[]> =>
        (await outbox.listUnconfirmed(request)).map(({ id }) => id);
      expectSame(await listedBy({ limit: 1 }), ["1"], "No more are listed than were asked for");
      const [{ position }] = listed as [UnconfirmedMessage];
      expectSame(await listedBy({ after: position }), ["poison"], "The next page begins after the last position");
      expectSame(await listedBy({ after: listed[1]!.position }), [], "After the last one comes none");
      const [shown, ...others] = await outbox.showUnconfirmed("poison");
      expectSame(others, [], "A parked message is shown by its id");
      expectLike(shown, { id: "poison", bodyBytes: 6, body: new TextEncoder().encode("poison") }, "It is shown whole");
      expectSame(await outbox.showUnconfirmed("2"), [], "One that was never tried is not shown");
      expectThat(await outbox.retryParked("1"), "A parked message can be tried again", "1");
      expectLike((await claim())[0], { id: "1", refusals: 0 }, "It is the first of its key, and as good as new");
      expectThat(!(await outbox.retryParked("1")), "Only a parked message is tried again", "1");
    },
  },
  {
    name: "a parked message can be discarded, and its key goes on",
    async try({ outbox, add, claim }) {
      await add("k", "1", "2");
      const [first] = await claim({ owner });
      expectThat(!(await outbox.discardParked("1")), "Only a parked message is discarded", "1");
      await outbox.postpone([{ position: first!.position, owner, delayMs: 0, refusal: "no", park: "block" }]);
      expectThat(await outbox.discardParked("1"), "A parked message is discarded", "1");
      expectSame(idsOf(await claim()), ["2"], "Those after it go on");
      expectSame(await listParked(outbox), [], "It is gone");
    },
  },
  {
    name: "a parked message that the others pass leaves its key, and keeps its name",
    async try({ outbox, add, claim }) {
      await add("k", "1", "2");
      const [first] = await claim({ owner });
      await outbox.postpone([{ position: first!.position, owner, delayMs: 0, refusal: "no", park: "pass" }]);
      expectSame(idsOf(await claim({ owner })), ["2"], "The others pass");
      expectLike(
        (await listParked(outbox))[0],
        { id: "1", orderingKey: "k", blocks: false },
        "It has its key, and holds up none",
      );
      await outbox.retryParked("1");
      expectLike((await claim())[0], { id: "1", orderingKey: "k" }, "It is published when it is tried again");
    },
  },
  {
    name: "the backlog says what waits, and for how long",
    async try({ outbox, add, claim }) {
      const none = { messages: 0, parked: 0, unconfirmed: 0, places: 0 };
      expectSame(await outbox.backlog(), none, "An empty outbox has no backlog");
      await add("k", "1", "2");
      const [first] = await claim({ owner });
      await outbox.postpone([{ position: first!.position, owner, delayMs: 0, refusal: "no", park: "block" }]);
      const { oldestMs = Number.NaN, ...counted } = await outbox.backlog();
      expectSame(counted, { ...none, messages: 2, parked: 1 }, "Waiting and parked messages are counted");
      expectThat(oldestMs >= 0 && oldestMs < 60_000, "The age of the oldest is known", oldestMs);
    },
  },
];

/** The rules for messages without a key that wait for a place. */
export const lineRules: readonly OutboxRule[] = [
  {
    name: "messages that wait for a place are claimed by the oldest of them, and others are not behind them",
    async try({ outbox, add, claim, claimWhenFree }) {
      await add(undefined, "1", "2", "3", "other");
      await add("k", "keyed");
      const claimed = await claim({ owner });
      const back = claimed.map(({ id, position }) => ({
        id,
        position,
        owner,
        ...(id === "other" ? inLine("o") : inLine("p")),
      }));
      await outbox.postpone(back.map(({ id, ...end }) => ({ ...end, delayMs: id === "1" ? hourMs : 0 })));
      expectSame(
        idsOf(await claimWhenFree({ owner })).sort(),
        ["keyed", "other"],
        "The oldest holds up its line alone",
      );
      const waiting = back.filter(({ id }) => id === "keyed" || id === "other");
      await outbox.postpone(waiting.map(({ id: _id, ...end }) => ({ ...end, delayMs: 0 })));
      await add(undefined, "new");
      expectSame(idsOf(await claimWhenFree()).sort(), ["keyed", "new", "other"], "A new message is in no line");
    },
  },
  {
    name: "a line of a place is one relay's until what it claimed has ended, and keeps no order",
    async try({ outbox, add, claim, claimWhenFree }) {
      await add(undefined, "1", "2", "3");
      const end = { owner, delayMs: 0, ...inLine("p") };
      await outbox.postpone(positionsOf(await claim({ owner })).map((position) => ({ ...end, position })));
      const { batches } = await outbox.claim({ owner, leaseMs: hourMs, limit: 10, messagesPerKey: 2 });
      const [line] = batches.filter(({ messages }) => messages.length > 0);
      expectLike(line, { orderingKey: undefined }, "The messages of a line have no ordering key");
      const [first, second] = line!.messages;
      expectSame([first!.id, second!.id], ["1", "2"], "A claim takes as many of it as of a key");
      expectSame(idsOf(await claim()), [], "No other relay is given the line");
      await outbox.postpone([{ ...end, position: second!.position, line: "failed" }]);
      await outbox.confirm([first!.position]);
      const again = await claimWhenFree({ owner });
      const rest = again.length === 2 ? again : [...again, ...(await claimWhenFree({ owner }))];
      expectSame(idsOf(rest).sort(), ["2", "3"], "What the place did not confirm is there, in a line apart");
    },
  },
  {
    name: "what an older message brings into a line is no other relay's: each of a line is claimed by itself",
    async try({ outbox, add, claim, claimWhenFree }) {
      await add(undefined, "1", "2", "3", "4");
      const [first, ...later] = positionsOf(await claim({ owner })) as [string, ...string[]];
      const end = { owner, delayMs: 0, ...inLine("p") };
      await outbox.postpone(later.slice(0, 2).map((position) => ({ ...end, position })));
      expectSame(idsOf(await claimWhenFree({ owner: "other" })), ["2", "3"], "Another relay has the line");
      await outbox.postpone([first, later[2]!].map((position) => ({ ...end, position })));
      const claimed = idsOf(await claimWhenFree({ owner }));
      expectSame(claimed, ["1", "4"], "What the other relay has is not claimed behind an older one");
      await outbox.confirm([first]);
      expectSame(idsOf(await claim()), [], "Nor when that is gone");
    },
  },
  {
    name: "a message leaves the line of its place when it is refused, parked, or given back without one",
    async try({ outbox, add, claim, claimWhenFree }) {
      await add(undefined, "1", "2", "3", "4");
      const end = { owner, delayMs: 0 };
      const positions = positionsOf(await claim({ owner }));
      await outbox.postpone(positions.map((position) => ({ ...end, position, ...inLine("p") })));
      await claimWhenFree({ owner });
      const [first, second, third, fourth] = positions as [string, string, string, string];
      await outbox.postpone([
        { ...end, position: third, refusal: "no", park: "pass" },
        { ...end, position: second, refusal: "no", park: "block" },
        { ...end, position: first, delayMs: hourMs, refusal: "later" },
        { ...end, position: fourth, ...inLine("p") },
      ]);
      expectSame(idsOf(await claimWhenFree()), ["4"], "None of them holds up the line");
      const parked = await listParked(outbox);
      expectSame(
        parked.map(({ id, orderingKey, blocks }) => [id, orderingKey, blocks]),
        [
          ["2", undefined, false],
          ["3", undefined, false],
        ],
        "A parked message shows no line",
      );
      await outbox.retryParked("2");
      expectSame(idsOf(await claimWhenFree()), ["2"], "One that is tried again waits for no place");
    },
  },
];
