import { test } from "node:test";
import { openInbox } from "once-again/inbox";
import type { Store } from "once-again/stores";
import { memoryStore } from "once-again/stores/memory";
import { inboxContract, type InboxFixture } from "@once-again/testing";

/** Your store, and inboxes as you open them. */
function open(): InboxFixture<undefined> {
  const records = memoryStore();
  let isAway = false;
  const reached = (): Store => {
    if (isAway) throw new Error("The store is away.");
    return records;
  };
  const store: Store = {
    ...records,
    claim: (request) => reached().claim(request),
    complete: (request) => reached().complete(request),
    renew: (request) => reached().renew(request),
  };
  const effects: string[] = [];
  return {
    connect: (rules) => openInbox({ store, ...rules }),
    effect: (_execution, name) => effects.push(name),
    effects: () => effects,
    interrupt() {
      isAway = true;
      return () => (isAway = false);
    },
    close: () => records.close(),
  };
}

for (const { name, run } of inboxContract({ open })) void test(name, run);
