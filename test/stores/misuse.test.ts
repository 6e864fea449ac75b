/** A client that belongs to one store is refused by every other, with the store that takes it. */
import { describe, expect, onTestFinished, test } from "vitest";
import { storesOf } from "../kits/store-kit.ts";
import { testedStores } from "../kits/stores/index.ts";

const stores = await Promise.all(
  storesOf("misuse", testedStores).map(async ({ kit, parts }) => ({ name: kit.name, ...(await parts()) })),
);

describe.for(stores)("$name", ({ name: ours, make }) => {
  test.for(stores.filter(({ name }) => name !== ours))("refuses what $name takes", async ({ mistaken }) => {
    for (const [title, { client, advice, close }] of Object.entries(mistaken())) {
      onTestFinished(async () => void (await close?.()));
      const made = async (): Promise<unknown> => make(client);
      const error = await made().catch((error: unknown) => error);
      expect(error, title).toMatchObject({ code: "ONCE_OPTION_INVALID" });
      expect(String(error), title).toContain(advice);
    }
  });

  test.skipIf(ours === "memory")("refuses nothing at all", async () => {
    await expect((async () => make(undefined))()).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  });
});
