import { expectLike, expectSame, expectThat } from "../store-contract/rule.ts";
import {
  after,
  deliver,
  deliveriesMax,
  executed,
  idleWork,
  type InboxRule,
  messageOf,
  repeated,
} from "./inbox-case.ts";

/** How long a store is away, in turns of the event loop. */
const outageTurns = 50;

/** Nothing is decided without the store. */
export const outageRules: readonly InboxRule[] = [
  {
    name: "while the store can't be reached nothing runs or is acknowledged, and then it goes on",
    async try({ connect, effect, expectEffects, interrupt }) {
      const inbox = await connect();
      const handled = idleWork();
      await deliver(inbox, messageOf("handled"), handled);
      const restore = await interrupt();
      let runs = 0;
      const waiting = deliver(inbox, messageOf("7"), (_, execution) => {
        runs += 1;
        return effect(execution, "7");
      });
      const repeat = deliver(inbox, messageOf("handled"), handled);
      const decided = [await after(outageTurns, waiting), await after(1, repeat)];
      expectSame(decided, ["unsettled", "unsettled"], "Nothing is decided while the store can't be reached");
      expectSame([runs, handled.runs], [0, 1], "Nothing runs while the store can't be reached");
      await restore();
      expectSame(await waiting, executed, "What waited is handled when the store is back");
      expectSame(await repeat, repeated, "A repeat that waited is one when the store is back");
      await expectEffects(["7"], "What waited has one effect");
    },
  },
];

/** The promises of a transaction. */
export const transactionalRules: readonly InboxRule[] = [
  {
    name: "a commit that fails is not acknowledged, and its message has one effect when the store is back",
    async try({ connect, effect, expectEffects, interrupt }) {
      const inbox = await connect();
      const lost = Promise.withResolvers<() => unknown>();
      let runs = 0;
      const handled = deliver(inbox, messageOf("7"), async (_, execution) => {
        runs += 1;
        await effect(execution, "7");
        if (runs === 1) lost.resolve(await interrupt());
      });
      const restore = await lost.promise;
      const decided = await after(outageTurns, handled);
      await restore();
      expectSame(decided, "unsettled", "Nothing is acknowledged before its commit");
      expectSame(await handled, executed, "The message is handled when the store is back");
      await expectEffects(["7"], "An effect that did not commit is made again, once");
    },
  },
  {
    name: "nothing is left of work that fails after its effect, and it runs again",
    async try({ connect, effect, expectEffects }) {
      const inbox = await connect();
      let runs = 0;
      const verdict = await deliver(inbox, messageOf("7"), async (_, execution) => {
        runs += 1;
        await effect(execution, "7");
        if (runs < deliveriesMax) throw new Error("the item is gone");
      });
      expectSame(verdict, executed, "Work that failed runs again");
      await expectEffects(["7"], "The effect of work that failed is rolled back");
      const letter = await deliver(inbox, messageOf("8"), async (_, execution) => {
        await effect(execution, "8");
        throw new Error("the item is gone");
      });
      expectLike(letter, { action: "dead-letter", reason: "failed" }, "What always fails is a dead letter");
      await expectEffects(["7"], "A dead letter has no effect");
    },
  },
];

/** The promises of a lease. */
export const leasedRules: readonly InboxRule[] = [
  {
    name: "work that fails and may have had its effect is held: a dead letter each time, and no second effect",
    async try({ connect, effect, expectEffects }) {
      const unknown = { action: "dead-letter", reason: "outcome-unknown" };
      const verdict = await deliver(await connect(), messageOf("7"), async (_, execution) => {
        await effect(execution, "7");
        throw new Error("the connection broke");
      });
      expectLike(verdict, unknown, "A message with an unknown outcome is a dead letter");
      const work = idleWork();
      expectLike(await deliver(await connect(), messageOf("7"), work), unknown, "It is one each time it comes");
      expectSame(work.runs, 0, "It does not run again by itself");
      await expectEffects(["7"], "A message has one effect");
    },
  },
  {
    name: "an effect is not acknowledged when its record can't be stored, and does not happen again when the store is back",
    async try({ connect, effect, expectEffects, interrupt }) {
      const lost = Promise.withResolvers<() => unknown>();
      const handled = deliver(await connect(), messageOf("7"), async (_, execution) => {
        await effect(execution, "7");
        lost.resolve(await interrupt());
      });
      const restore = await lost.promise;
      const decided = await after(outageTurns, handled);
      await restore();
      expectSame(decided, "unsettled", "Nothing is acknowledged before its record is stored");
      const verdict = await handled;
      const isKnown = verdict.action === "acknowledge";
      const isHeld = verdict.action === "dead-letter" && verdict.reason === "outcome-unknown";
      expectThat(isKnown || isHeld, "The message is acknowledged then, or its outcome is unknown", verdict);
      await expectEffects(["7"], "A message has one effect");
    },
  },
];
