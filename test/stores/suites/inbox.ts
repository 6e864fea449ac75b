/* oxlint-disable vitest/valid-title, vitest/require-top-level-describe, vitest/valid-describe-callback -- A suite for test files. */
import { describe, onTestFinished, test } from "vitest";
import { type ContractCase, inboxContract, type InboxFixture } from "../../../packages/testing/src/index.ts";
import { describeStores } from "../../kits/describe-stores.ts";
import { type TestedStore, verdictOf } from "../../kits/store-kit.ts";
import { leasedFixture, transactionalFixture } from "../../support/inbox/fixtures.ts";
import { cutProxy } from "../../support/servers/cut-proxy.ts";

function describeCases(name: string, cases: readonly ContractCase[]): void {
  describe(name, () => {
    for (const { name, run } of cases) test(name, run);
  });
}

/** The contract of the inbox, in both modes. */
export async function describeInbox(stores: readonly TestedStore[]): Promise<void> {
  await describeStores("inbox", stores, ({ tested, parts, place, server }) => {
    const { clients, ownDatabase } = parts;

    describe.for(Object.entries(clients))("through %s", ([client, openRecords]) => {
      const open = (records: string) => leasedFixture(() => openRecords(place(), records));
      describeCases("leased", inboxContract({ open }));
      if (verdictOf("inbox-transactional", tested) !== "runs") return;

      const openTransactional = async (at: string): Promise<InboxFixture<never>> => {
        const own = await ownDatabase!(at, client);
        onTestFinished(() => own[Symbol.asyncDispose]());
        return transactionalFixture(own as never);
      };
      describeCases("transactional", inboxContract({ mode: "transactional", open: () => openTransactional(place()) }));
      if (tested.servers.length === 0) return;

      // The same where its connections are cut in place of a store that refuses.
      const openBehindProxy = async (): Promise<InboxFixture<never>> => {
        const proxy = await cutProxy(server().port);
        onTestFinished(() => proxy[Symbol.asyncDispose]());
        const fixture = await openTransactional(place().replace(/:\d+(?=\/|$)/, `:${proxy.port}`));
        const interrupt = () => {
          proxy.cut();
          return () => proxy.heal();
        };
        return { ...fixture, interrupt };
      };
      describeCases(
        "transactional, with cut connections",
        inboxContract({ mode: "transactional", open: openBehindProxy }).filter(({ name }) =>
          /the store can't be reached|a commit that fails/.test(name),
        ),
      );
    });
  });
}
