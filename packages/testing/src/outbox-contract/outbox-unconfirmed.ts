import { setTimeout } from "node:timers/promises";
import type { ListUnconfirmedRequest } from "once-again/internal";
import { expectLike, expectSame, expectThat } from "../store-contract/rule.ts";
import { idsOf, inLine, type OutboxRule, positionsOf } from "./outbox-case.ts";

const owner = "one";
const hourMs = 3_600_000;

/** Some stores know the time to within seconds. */
const isSoonAfter = (from: number, time: number): boolean => Math.abs(time - from) < 600_000;

/** A text that no column, no JSON and no pattern may change. */
const odd = "a'b\"c\\d%_ \u{1F511}ä {0}";

/** The rules for messages that were tried, and that their places have not confirmed. */
export const unconfirmedRules: readonly OutboxRule[] = [
  {
    name: "a message is listed since it was first tried and not confirmed, with its place and what that said",
    async try({ outbox, add, claim }) {
      await add("k", "1", "2");
      await add(undefined, "3", "4", "untried");
      const claimed = new Map((await claim({ owner })).map(({ id, position }) => [id, position]));
      const back = (id: string, end: object) => ({ position: claimed.get(id)!, owner, delayMs: hourMs, ...end });
      expectSame(await outbox.listUnconfirmed(), [], "One that was not tried is not listed");
      const refused = { place: odd, refusal: "no such route", refusals: 1 };
      const silent = { ...inLine("p"), line: "failed" as const, refusal: "It can't be reached.", refusals: 0 };
      await outbox.postpone([
        back("2", {}),
        back("1", refused),
        back("3", silent),
        back("4", { place: "p", refusal: "never", refusals: 1, park: "block" as const }),
        back("untried", inLine("p")),
      ]);
      const listed = await outbox.listUnconfirmed();
      expectSame(
        listed.map(({ id, place, refusal, refusals, blocks }) => ({ id, place, refusal, refusals, blocks })),
        [
          { id: "1", place: odd, refusal: "no such route", refusals: 1, blocks: true },
          { id: "3", place: "p", refusal: "It can't be reached.", refusals: 0, blocks: false },
          { id: "4", place: "p", refusal: "never", refusals: 1, blocks: false },
        ],
        "Those that were tried are listed, the oldest first",
      );
      for (const { id, triedAt, dueAt, parkedAt, addedAt } of listed) {
        expectThat(isSoonAfter(addedAt, triedAt), "It is said when it was tried", [id, triedAt]);
        expectSame(parkedAt !== undefined, id === "4", "One of them is parked");
        if (id !== "4")
          expectThat(isSoonAfter(addedAt + hourMs, dueAt), "It is said when it is tried again", [id, dueAt]);
      }
      const idsIn = async (request: ListUnconfirmedRequest): Promise<string[]> =>
        (await outbox.listUnconfirmed(request)).map(({ id }) => id);
      expectSame(await idsIn({ state: "waiting" }), ["1", "3"], "Those that wait can be listed alone");
      expectSame(await idsIn({ state: "parked" }), ["4"], "And those that are parked");
      expectSame(await idsIn({ limit: 2 }), ["1", "3"], "No more are listed than were asked for");
      expectSame(await idsIn({ after: listed[1]!.position }), ["4"], "The next page begins after the last position");
      const [shown] = await outbox.showUnconfirmed("3");
      expectLike(shown, { id: "3", place: "p", body: new TextEncoder().encode("3") }, "One that waits is shown whole");
      const { messages, parked, unconfirmed, places } = await outbox.backlog();
      const counts = { messages: 5, parked: 1, unconfirmed: 2, places: 2 };
      expectSame({ messages, parked, unconfirmed, places }, counts, "They are counted, and their places");
      await outbox.confirm([claimed.get("3")!]);
      expectSame(await idsIn({}), ["1", "4"], "A confirmed one is listed no more");
      expectSame((await outbox.backlog()).unconfirmed, 1, "And not counted");
      expectSame(idsOf(await claim()), [], "A list changes nothing");
    },
  },
  {
    name: "the places of what waits unconfirmed are listed, those with the most messages first",
    async try({ outbox, add, claim }) {
      await add(undefined, "1", "2", "3", "4", "5");
      const positions = positionsOf(await claim({ owner }));
      expectSame(await outbox.listPlaces(), [], "Where nothing was tried, no place is listed");
      const tried = { owner, delayMs: hourMs, refusals: 0 };
      const [one, two, three, four, five] = positions as [string, string, string, string, string];
      await outbox.postpone([
        { ...tried, position: one, place: "a", refusal: "away" },
        { ...tried, position: two, place: odd, refusal: "first" },
        { ...tried, position: three, place: odd, refusal: "second" },
        { ...tried, position: four, place: "a", refusal: "gone", park: "block" },
        { owner, delayMs: hourMs, position: five, ...inLine("a") },
      ]);
      const places = await outbox.listPlaces();
      expectSame(
        places.map(({ place, tried: count, refusal }) => ({ place, tried: count, refusal })),
        [
          { place: odd, tried: 2, refusal: "second" },
          { place: "a", tried: 1, refusal: "away" },
        ],
        "Each has its count, and its answer to the newest message",
      );
      const untried = places.map((place) => place.untried);
      const isCounted = untried.every((count) => count === undefined) || untried.join() === "0,1";
      expectThat(isCounted, "What waits in a line untried is counted, where there are lines", untried);
      for (const { oldestAt, triedAt } of places)
        expectThat(isSoonAfter(oldestAt, triedAt), "It has its times", { oldestAt, triedAt });
    },
  },
  {
    name: "a message that a person has tried again is listed as one that waits, until it is confirmed",
    async try({ outbox, add, claim }) {
      await add("k", "1");
      const [first] = await claim({ owner });
      const refused = { position: first!.position, owner, delayMs: 0, place: "p", refusal: "no", refusals: 10 };
      await outbox.postpone([{ ...refused, park: "block" }]);
      expectThat(await outbox.retryParked("1"), "A parked message can be tried again", "1");
      const waiting = await outbox.listUnconfirmed({ state: "waiting" });
      expectSame(
        waiting.map(({ id, place, refusal, refusals }) => ({ id, place, refusal, refusals })),
        [{ id: "1", place: "p", refusal: "no", refusals: 0 }],
        "It waits, with the last answer",
      );
      expectSame((await outbox.backlog()).unconfirmed, 1, "It is counted");
      expectSame(idsOf(await claim()), ["1"], "It can be claimed");
      await outbox.confirm([first!.position]);
      expectSame(await outbox.listUnconfirmed(), [], "When it is confirmed, it is gone");
    },
  },
  {
    name: "who discarded a message, and why, is stored for as long as was asked",
    async try({ outbox, add, claim }) {
      await add("k", "1", "2");
      await add(undefined, "3", "waits");
      const claimed = await claim({ owner });
      const parked = claimed.filter(({ id }) => id !== "waits");
      await outbox.postpone(
        parked.map(({ position }) => ({
          ...{ position, owner, delayMs: 0, place: odd, refusal: "no", refusals: 3 },
          park: "pass" as const,
        })),
      );
      expectSame(await outbox.listDiscarded(), [], "Nothing was discarded");
      const note = new TextEncoder().encode("ann: a test");
      expectThat(await outbox.discardParked("1", { note }), "A parked message is discarded", "1");
      expectThat(!(await outbox.discardParked("1", { note })), "It is not discarded twice", "1");
      expectThat(!(await outbox.discardParked("waits", { note })), "One that is not parked is not discarded", "waits");
      const listed = await outbox.listDiscarded();
      expectSame(listed.length, 1, "It is listed once");
      const [first] = listed;
      const { parkedAt, discardedAt, addedAt, position, ...said } = first!;
      expectSame(position, claimed.find(({ id }) => id === "1")!.position, "Its position is stored");
      expectSame(
        said,
        { id: "1", topic: "orders", orderingKey: "k", place: odd, refusals: 3, refusal: "no", note },
        "Its names, its place and the last answer are stored, with the note",
      );
      for (const time of [parkedAt, discardedAt])
        expectThat(isSoonAfter(addedAt, time), "It is said when it was parked and discarded", { addedAt, time });
      await outbox.discardParked("2");
      expectSame((await outbox.listDiscarded({ id: "2" })).length, 1, "They are found by their id");
      expectSame((await outbox.listDiscarded({ id: "2" }))[0]?.note, new Uint8Array(), "A note may be missing");
      expectSame((await outbox.listDiscarded({ limit: 1 })).length, 1, "No more are listed than were asked for");
      await outbox.discardParked("3", { note, retentionMs: 1 });
      const from = performance.now();
      while ((await outbox.listDiscarded({ id: "3" })).length > 0) {
        expectThat(performance.now() - from < 15_000, "It is forgotten when its time is over", "3");
        await setTimeout(5);
      }
      const { messages, parked: left } = await outbox.backlog();
      expectSame([messages, left], [1, 0], "What is stored of them is no message");
    },
  },
];
