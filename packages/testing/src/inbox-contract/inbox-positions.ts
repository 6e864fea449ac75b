import { NoEffectError } from "once-again/engine";
import { setTimeout } from "node:timers/promises";
import { rejectedError } from "once-again/inbox";
import { expectLike, expectSame, expectThat } from "../store-contract/rule.ts";
import { deliver, deliveriesMax, executed, idleWork, type InboxRule, messageOf, repeated } from "./inbox-case.ts";

const partition = "orders/0";

/** A message that its source has numbered. Only the number identifies it, unless it has an id. */
function numbered(sequence: number, id?: string, storedAt?: number) {
  return messageOf(id, { position: { partition, sequence, storedAt } });
}

/** How a high-water mark takes the place of a record for each message. */
export const positionRules: readonly InboxRule[] = [
  {
    name: "of numbered messages each has one effect, over gaps, whichever inbox gets it again",
    async try({ connect, working, expectEffects }) {
      for (const sequence of [1, 2, 7]) {
        const verdict = await deliver(await connect(), numbered(sequence), working(`${sequence}`));
        expectSame(verdict, executed, "A number above the mark is a new message, also after a gap");
      }
      const work = idleWork();
      for (const sequence of [7, 2, 1, 5]) {
        expectSame(
          await deliver(await connect(), numbered(sequence), work),
          repeated,
          "At or below the mark all is done",
        );
      }
      expectSame(work.runs, 0, "The work of a repeat does not run");
      const other = await deliver(await connect("shipping"), numbered(1), working("other"));
      expectSame(other, executed, "Each consumer has its own mark");
      const elsewhere = messageOf(undefined, { position: { partition: "orders/1", sequence: 1 } });
      expectSame(await deliver(await connect(), elsewhere, working("elsewhere")), executed, "And each partition");
      await expectEffects(["1", "2", "7", "other", "elsewhere"], "Each number has one effect");
    },
  },
  {
    name: "messages of one partition are handled one after the other, also when one has to be tried again",
    async try({ connect, effect, expectEffects }) {
      const inbox = await connect();
      const ended: number[] = [];
      let runs = 0;
      const handled = [1, 2, 3].map((sequence) =>
        deliver(inbox, numbered(sequence), async (_, execution) => {
          runs += 1;
          if (runs < deliveriesMax) throw new Error("not yet");
          await setTimeout(2);
          await effect(execution, `${sequence}`);
          ended.push(sequence);
        }),
      );
      expectSame(await Promise.all(handled), [executed, executed, executed], "Each is handled in its turn");
      expectSame(ended, [1, 2, 3], "None passes one that is tried again: the mark would take that for a repeat");
      await expectEffects(["1", "2", "3"], "Each number has one effect");
    },
  },
  {
    name: "two consumers of one partition at a time, as in a rebalance, have one effect of each number",
    async try({ connect, working, expectEffects }) {
      const inboxes = await Promise.all([connect(), connect()]);
      const sequences = [1, 2, 3, 4, 5, 6];
      const read = async (inbox: (typeof inboxes)[number]): Promise<number> => {
        let firsts = 0;
        for (const sequence of sequences) {
          const verdict = await deliver(inbox, numbered(sequence), working(`${sequence}`));
          expectThat(verdict.action === "acknowledge", "A late delivery is acknowledged", verdict);
          firsts += Number(!verdict.isRepeat);
        }
        return firsts;
      };
      const firsts = await Promise.all(inboxes.map(read));
      expectSame(firsts[0]! + firsts[1]!, sequences.length, "Each number is new to one of the two");
      await expectEffects(sequences.map(String), "Each number has one effect");
    },
  },
  {
    name: "an id identifies a message that a producer sent twice, under another number",
    async try({ connect, working, expectEffects }) {
      expectSame(await deliver(await connect(), numbered(1, "a"), working("a")), executed, "The first is handled");
      const work = idleWork();
      expectSame(await deliver(await connect(), numbered(2, "a"), work), repeated, "Its id is known under any number");
      expectSame(await deliver(await connect(), numbered(1, "b"), work), repeated, "A number at the mark is a repeat");
      expectSame(
        await deliver(await connect(), numbered(3, "b"), working("b")),
        executed,
        "And leaves no record of its id",
      );
      expectSame(work.runs, 0, "The work of a repeat does not run");
      await expectEffects(["a", "b"], "Each message has one effect");
    },
  },
  {
    name: "what has no effect moves no mark, and is a dead letter as any",
    async try({ connect, working, expectEffects }) {
      const inbox = await connect();
      const rejected = await deliver(inbox, numbered(4), () => {
        throw rejectedError("We sell no tea.");
      });
      expectLike(rejected, { action: "dead-letter", reason: "rejected" }, "A rejected one is a dead letter");
      const often = { ...numbered(4), deliveries: deliveriesMax + 1 };
      const letter = await deliver(await connect(), often, () => {
        throw new NoEffectError("Sold out for the moment.");
      });
      expectLike(letter, { action: "dead-letter", reason: "failed" }, "One that always fails is one");
      expectSame(await deliver(await connect(), numbered(3), working("3")), executed, "The mark is where it was");
      expectSame(await deliver(inbox, numbered(4), working("4")), executed, "A dead letter that comes again runs");
      expectSame(await deliver(await connect(), often, idleWork()), repeated, "Then its effect is there");
      await expectEffects(["3", "4"], "Each number has one effect");
    },
  },
  {
    name: "a source that numbers others as it did before is noticed, where it says when it stored them",
    async try({ connect, working, expectEffects }) {
      const inbox = await connect();
      await deliver(inbox, numbered(8, undefined, 1000), working("8"));
      for (const storedAt of [1000, 900]) {
        const verdict = await deliver(inbox, numbered(8, undefined, storedAt), idleWork());
        expectSame(verdict, repeated, "What was stored before the marked one is a repeat");
      }
      const late = await deliver(inbox, numbered(3, undefined, 2000), idleWork());
      expectLike(
        late,
        { action: "dead-letter", reason: "mismatch" },
        "A message that was stored later is no repeat, and is not dropped",
      );
      await expectEffects(["8"], "It has no effect");
    },
  },
];
