import { NoEffectError } from "once-again/engine";
import { rejectedError } from "once-again/inbox";
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

/** The rules for messages without an effect: they come later, or are dead letters, and are never dropped. */
export const letterRules: readonly InboxRule[] = [
  {
    name: "another message with an id that was handled is a dead letter, each time it comes",
    async try({ connect, working, expectEffects }) {
      const message = messageOf("7");
      const inbox = await connect();
      await deliver(inbox, message, working("7"));
      const work = idleWork();
      const letter = { action: "dead-letter", reason: "mismatch" };
      for (const other of [{ body: Uint8Array.of(1) }, { topic: "others" }, { body: Uint8Array.of(1) }]) {
        const verdict = await deliver(await connect(), messageOf("7", other), work);
        expectLike(verdict, letter, "Another message with the same id is a dead letter, with its reason");
      }
      expectSame(await deliver(inbox, message, work), repeated, "The message itself is a repeat as before");
      expectSame(work.runs, 0, "The work of another message with the same id does not run");
      await expectEffects(["7"], "Another message with the same id has no effect");
    },
  },
  {
    name: "a message without a usable id is a dead letter",
    async try({ connect }) {
      const inbox = await connect();
      const work = idleWork();
      for (const id of [undefined, "", "i".repeat(256), "\ud800"]) {
        const verdict = await deliver(inbox, messageOf(id), work);
        const rule = `A message with the id ${JSON.stringify(id)} is a dead letter, with its reason`;
        expectLike(verdict, { action: "dead-letter", reason: "unreadable" }, rule);
      }
      expectSame(work.runs, 0, "The work of a message without an id does not run");
    },
  },
  {
    name: "a message that its work rejects is a dead letter at once, and as good as new if it comes again",
    async try({ connect, working, expectEffects }) {
      const inbox = await connect();
      let runs = 0;
      const verdict = await deliver(inbox, messageOf("7"), () => {
        runs += 1;
        throw rejectedError("We sell no tea.");
      });
      const letter = { action: "dead-letter", reason: "rejected", detail: "We sell no tea." };
      expectLike(verdict, letter, "A rejected message is a dead letter, with what was said");
      expectSame(runs, 1, "What is rejected is not tried again");
      await expectEffects([], "What is rejected has no effect");
      const again = await deliver(inbox, messageOf("7"), working("7"));
      expectSame(again, executed, "A dead letter that is sent again runs");
      await expectEffects(["7"], "Then it has its effect");
    },
  },
  {
    name: "work that fails without an effect runs later, and its message is not acknowledged before",
    async try({ connect, effect, expectEffects }) {
      let runs = 0;
      const verdict = await deliver(await connect(), messageOf("7"), async (_, execution) => {
        runs += 1;
        if (runs < deliveriesMax) throw new NoEffectError("Sold out for the moment.");
        await effect(execution, "7");
      });
      expectSame([verdict, runs], [executed, deliveriesMax], "A message is acknowledged when its work has succeeded");
      await expectEffects(["7"], "Work that succeeds in the end has its effect");
    },
  },
  {
    name: "work that always fails makes a dead letter, which says why and runs if it is sent again",
    async try({ connect, working, expectEffects }) {
      const inbox = await connect();
      for (const deliveries of [1, 2]) {
        let runs = 0;
        const verdict = await deliver(inbox, messageOf("7", { deliveries }), () => {
          runs += 1;
          throw new NoEffectError("no such item");
        });
        expectLike(verdict, { action: "dead-letter", reason: "failed" }, "What always fails is a dead letter");
        const says = "detail" in verdict && verdict.detail.includes("no such item");
        expectThat(says, "A dead letter says what its work failed with", verdict);
        expectSame(runs, deliveriesMax, "Tries are bounded, and deliveries are no tries");
      }
      await expectEffects([], "What always fails has no effect");
      const again = await deliver(inbox, messageOf("7"), working("7"));
      expectSame(again, executed, "A dead letter that is sent again runs");
    },
  },
  {
    name: "a message that was delivered too often is tried alone, unless its effect is there",
    async try({ connect, effect, working, gate, expectEffects }) {
      const often = messageOf("7", { deliveries: deliveriesMax + 1 });
      const inbox = await connect();
      const held = gate();
      const other = inbox.handle(messageOf("other"), () => held.opened);
      let runs = 0;
      const handled = inbox.handle(often, async (_, execution) => {
        runs += 1;
        if (runs < deliveriesMax) throw new NoEffectError("Sold out for the moment.");
        await effect(execution, "7");
      });
      await after(aloneTurns, handled);
      expectSame(runs, 0, "What may end its process is tried when nothing else runs in its inbox");
      held.open();
      expectSame([await other, await handled, runs], [executed, executed, deliveriesMax], "Deliveries are no tries");
      const work = idleWork();
      await deliver(await connect(), messageOf("8"), working("8"));
      const again = await deliver(await connect(), messageOf("8", { deliveries: deliveriesMax + 1 }), work);
      expectSame([again, work.runs], [repeated, 0], "What has its effect is acknowledged, and does not run");
      await expectEffects(["7", "8"], "A message has one effect");
    },
  },
];

/** How many turns of the event loop a message has to begin that may not, while another runs. */
const aloneTurns = 20;
