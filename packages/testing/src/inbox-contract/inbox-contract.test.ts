import { describe, expect, test } from "vitest";
import { brokenInboxes } from "../../../../test/support/inbox/broken-inboxes.ts";
import { leasedFixture, transactionalFixture } from "../../../../test/support/inbox/fixtures.ts";
import { effectsDatabase } from "../../../../test/support/effects-database.ts";
import { memoryStore } from "once-again/stores/memory";
import { inboxContract } from "./inbox-contract.ts";

describe("the inbox contract", () => {
  describe("passes a leased inbox in memory", () => {
    const open = () => {
      const store = memoryStore();
      return leasedFixture(() => store);
    };
    for (const { name, run } of inboxContract({ open })) test(name, run);
  });

  describe("passes a transactional inbox in SQLite", () => {
    const open = (records: string) => transactionalFixture(effectsDatabase(records));
    for (const { name, run } of inboxContract({ mode: "transactional", open })) test(name, run);
  });

  test.for(brokenInboxes)("fails an inbox of which is true: $flaw", async ({ caughtBy, contract }) => {
    const [found] = contract.filter(({ name }) => name.startsWith(caughtBy));
    await expect(found!.run()).rejects.toMatchObject({ code: "ERR_ASSERTION" });
  });
});
