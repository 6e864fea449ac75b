import { describe, test } from "vitest";
import { fakeClock, intentContract } from "../../../../testing/src/index.ts";
import { memoryIntents } from "./intents.ts";

describe("the contract", () => {
  const clock = fakeClock(1_700_000_000_000);
  const stores = new Map<string, ReturnType<typeof memoryIntents>>();
  const open = (name: string) => {
    const store = stores.get(name) ?? memoryIntents({ clock });
    stores.set(name, store);
    return store;
  };
  test.for(intentContract({ open, clock }))("$name", ({ run }) => run());
});
