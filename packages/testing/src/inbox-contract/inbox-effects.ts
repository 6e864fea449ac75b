import { setTimeout } from "node:timers/promises";
import { expectSame, expectThat } from "../store-contract/rule.ts";
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

/** Consumers and ids that a careless name would take for one. */
const names: readonly (readonly [consumer: string, id: string])[] = [
  ...["7", "07", "7 ", "a", "A", "ä", "a\u0308", "a%", "a_", "a'b", "a\\b", "../a", "1".repeat(255)].map(
    (id) => ["billing", id] as const,
  ),
  ...["Billing", "billing ", "bill", "shipping"].map((consumer) => [consumer, "7"] as const),
  ["billing", "x:7"],
  ["billing:x", "7"],
];

/** One effect for each message of a consumer, which is acknowledged after it. */
export const effectRules: readonly InboxRule[] = [
  {
    name: "a message is acknowledged when its effect is there, and not before",
    async try({ connect, effect, expectEffects, gate }) {
      const inbox = await connect();
      const [begun, end] = [gate(), gate()];
      const handled = inbox.handle(messageOf("7"), async (_, execution) => {
        begun.open();
        await end.opened;
        await effect(execution, "7");
      });
      await begun.opened;
      expectSame(await after(20, handled), "unsettled", "Nothing is acknowledged while its work runs");
      end.open();
      expectSame(await handled, executed, "A message is acknowledged when its work has ended");
      await expectEffects(["7"], "What is acknowledged has its effect, which others see");
    },
  },
  {
    name: "after a lost acknowledgement, any inbox acknowledges the message, without a second effect",
    async try({ connect, working, expectEffects }) {
      const message = messageOf("7");
      await deliver(await connect(), message, working("7"));
      // The inbox that had it died before it acknowledged.
      const work = idleWork();
      for (const deliveries of [1, 2, deliveriesMax]) {
        const again = { ...message, headers: { redelivered: "yes" }, deliveries };
        expectSame(await deliver(await connect(), again, work), repeated, "A repeat is acknowledged as one");
      }
      expectSame(work.runs, 0, "The work of a repeat does not run");
      await expectEffects(["7"], "A message has one effect");
    },
  },
  {
    name: "of copies at a time one has the effect, and all are acknowledged",
    async try({ connect, effect, expectEffects }) {
      const inboxes = await Promise.all(Array.from({ length: 4 }, () => connect()));
      const ids = ["1", "2", "3"];
      const handleCopies = async (id: string): Promise<void> => {
        const copies = [...inboxes, ...inboxes].map((inbox) =>
          deliver(inbox, messageOf(id), async (_, execution) => {
            await setTimeout(2);
            await effect(execution, id);
          }),
        );
        const verdicts = await Promise.all(copies);
        const isAcknowledged = verdicts.every(({ action }) => action === "acknowledge");
        expectThat(isAcknowledged, "Each copy is acknowledged", verdicts);
        const first = verdicts.filter((verdict) => verdict.action === "acknowledge" && !verdict.isRepeat);
        expectSame(first.length, 1, "One copy has the effect, and the others are repeats");
      };
      await Promise.all(ids.map(handleCopies));
      await expectEffects(ids, "Copies have one effect");
    },
  },
  {
    name: "each consumer has its own effect of each id, and every character of an id counts",
    async try({ connect, working, expectEffects }) {
      for (const expected of [executed, repeated]) {
        for (const [index, [consumer, id]] of names.entries()) {
          const inbox = await connect(consumer);
          const rule = `The id ${JSON.stringify(id)} of the consumer "${consumer}" is no other's`;
          expectSame(await deliver(inbox, messageOf(id), working(`${index}`)), expected, rule);
        }
      }
      await expectEffects([...names.keys()].map(String), "Each consumer has one effect of each id");
    },
  },
  {
    name: "a closed inbox runs nothing more, and closes when what runs has ended",
    async try({ connect, effect, working, expectEffects, gate }) {
      const inbox = await connect();
      const [begun, end] = [gate(), gate()];
      const handled = inbox.handle(messageOf("7"), async (_, execution) => {
        begun.open();
        await end.opened;
        await effect(execution, "7");
      });
      await begun.opened;
      const closed = inbox.close().then(() => "closed");
      const late = idleWork();
      const { action } = await inbox.handle(messageOf("late"), late);
      expectSame([action, late.runs], ["give-back", 0], "What comes late is given back, and does not run");
      expectSame(await after(20, closed), "unsettled", "An inbox is not closed while work runs");
      end.open();
      expectSame(await handled, executed, "What runs is brought to its end");
      await closed;
      await expectEffects(["7"], "What ran has its effect");
      const other = await connect();
      expectSame(
        await deliver(other, messageOf("late"), working("late")),
        executed,
        "What was given back is another's to handle",
      );
    },
  },
];
