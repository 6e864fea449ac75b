import { describe, expect, test } from "vitest";
import { memoryOutbox, type OutboxFlaw } from "../../../../test/support/outbox/memory-outbox.ts";
import { outboxContract } from "./outbox-contract.ts";

/** Each way to be wrong, and what the name of a case begins with that finds it. */
const flaws: Readonly<Record<OutboxFlaw, string>> = {
  "a cursor skips what commits late": "nothing can be claimed before its transaction commits, and then all of it",
  "a message is there before its commit": "nothing can be claimed before its transaction commits",
  "a rolled back message stays": "a rollback removes the messages of its transaction",
  "adders of a key don't wait for each other": "messages of one ordering key are in the order of their commits",
  "the order of first writes is taken for that of commits": "a transaction that wrote first and adds to a key later",
  "removing waits for those who add": "neither relays nor those who add to other keys wait",
  "what is added is announced before its commit": "listeners are notified of a commit",
  "a claim removes what it gives": "a message is there until it is confirmed",
  "a lease is no lease": "a claimed message can't be claimed again",
  "a dead relay's lease is never taken over":
    "a claimed message can't be claimed again before its lease is over, and then",
  "rows are leased, not keys": "a claimed message can't be claimed again",
  "a delay is forgotten": "a message that is given back can be claimed again, at once or when its delay is over",
  "a late owner changes what is another's": "a late owner gives nothing back that another has claimed",
  "a late owner changes what was given back": "a late owner gives nothing back that another has parked",
  "a refusal that is repeated counts again": "a refusal that is repeated",
  "a parked message is passed in silence": "a parked message blocks its own key",
  "the oldest message comes first at each claim": "every message without a key gets its turn",
  "a round of claims goes on as long as new messages come":
    "a message that is given back is claimed again, however many",
  "a message that waits for its place is in no line": "messages that wait for a place are claimed by the oldest",
  "a message stays in the line of its place": "a message leaves the line of its place",
  "what was tried is listed when it is parked": "a message is listed since it was first tried",
  "the place of a message is forgotten": "a message is listed since it was first tried",
  "a place has the answer to its oldest message": "the places of what waits unconfirmed are listed",
  "a message that is tried again is as one that never was": "a message that a person has tried again is listed",
  "a discarded message leaves no trace": "who discarded a message, and why, is stored",
  "a trace is never removed": "who discarded a message, and why, is stored",
  "the lease of a line lies on its oldest message": "what an older message brings into a line",
};

describe("the outbox contract", () => {
  test.for(outboxContract({ open: () => memoryOutbox() }))("passes an outbox that is right: $name", ({ run }) => run());

  test.for(Object.entries(flaws) as [OutboxFlaw, string][])(
    "fails an outbox of which is true: %s",
    async ([flaw, caughtBy]) => {
      const [found] = outboxContract({ open: () => memoryOutbox({ flaw }) }).filter(({ name }) =>
        name.startsWith(caughtBy),
      );
      await expect(found!.run()).rejects.toMatchObject({ code: "ERR_ASSERTION" });
    },
  );
});
