import type { ParkedMessage } from "once-again/outbox";
import type { ListParkedRequest } from "once-again/internal";
import { expectLike, expectSame, expectThat } from "../store-contract/rule.ts";
import { idsOf, type OutboxRule, positionsOf } from "./outbox-case.ts";

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
        (await claim({ owner, leaseMs: 1 }))[0],
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
      const [message] = await claim({ owner, leaseMs: 1 });
      await claimWhenFree({ owner: "other" });
      await outbox.postpone([{ position: message!.position, owner, delayMs: 0, refusal: "no", park: "block" }]);
      expectSame(idsOf(await claim()), [], "It is still the other's");
      expectSame(await outbox.listParked(), [], "And it is not parked");
    },
  },
  {
    name: "a late owner gives nothing back that another has parked or given back since",
    async try({ outbox, add, claim, claimWhenFree }) {
      await add("k", "1", "2", "3");
      await add(undefined, "free");
      const late = await claim({ owner, leaseMs: 1 });
      const seen = new Map<string, string>();
      while (seen.size < late.length)
        for (const { id, position } of await claimWhenFree({ owner: "other" })) seen.set(id, position);
      const ended = { owner: "other", delayMs: 0, refusal: "no", refusals: 1 };
      await outbox.postpone([
        { ...ended, position: seen.get("1")!, park: "block" },
        { ...ended, position: seen.get("2")!, delayMs: hourMs },
        { ...ended, position: seen.get("free")!, park: "block" },
      ]);
      const parked = await outbox.listParked();
      expectSame(
        parked.map(({ id }) => id),
        ["1", "free"],
        "The other relay has parked them",
      );
      for (const end of [{}, { refusal: "late", refusals: 9 }, { refusal: "late", park: "pass" as const }])
        await outbox.postpone(late.map(({ position }) => ({ position, owner, delayMs: 0, ...end })));
      expectSame(await outbox.listParked(), parked, "A late owner leaves parked messages as they are");
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
        (await outbox.listParked()).map(({ id }) => id),
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
      const listed = await outbox.listParked();
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
      const listedBy = async (request: ListParkedRequest): Promise<string[]> =>
        (await outbox.listParked(request)).map(({ id }) => id);
      expectSame(await listedBy({ limit: 1 }), ["1"], "No more are listed than were asked for");
      const [{ position }] = listed as [ParkedMessage];
      expectSame(await listedBy({ after: position }), ["poison"], "The next page begins after the last position");
      expectSame(await listedBy({ after: listed[1]!.position }), [], "After the last one comes none");
      const [shown, ...others] = await outbox.showParked("poison");
      expectSame(others, [], "A parked message is shown by its id");
      expectLike(shown, { id: "poison", bodyBytes: 6, body: new TextEncoder().encode("poison") }, "It is shown whole");
      expectSame(await outbox.showParked("2"), [], "One that waits is not shown among the parked");
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
      expectSame(await outbox.listParked(), [], "It is gone");
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
        (await outbox.listParked())[0],
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
      expectSame(await outbox.backlog(), { messages: 0, parked: 0 }, "An empty outbox has no backlog");
      await add("k", "1", "2");
      const [first] = await claim({ owner });
      await outbox.postpone([{ position: first!.position, owner, delayMs: 0, refusal: "no", park: "block" }]);
      const { oldestMs = Number.NaN, ...counted } = await outbox.backlog();
      expectSame(counted, { messages: 2, parked: 1 }, "Waiting and parked messages are counted");
      expectThat(oldestMs >= 0 && oldestMs < 60_000, "The age of the oldest is known", oldestMs);
    },
  },
];
