import { describe, expect, test } from "vitest";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { appDatabase, insertOrder } from "../support/app-database.ts";
import type { Framework } from "../frameworks/framework.ts";
import { frameworks } from "../frameworks/frameworks.ts";
import { openTransaction } from "../frameworks/route.ts";
import { casesOf, type OrdersGround, ordersInMemory, unaskedOf, verified } from "./orders.ts";

// Every framework, in both modes and with the embedded stores.

const grounds: Readonly<Record<string, () => OrdersGround>> = {
  "memory, leased": () => ({ rules: { store: memoryStore() }, ...ordersInMemory() }),
  "memory, leased, waiting": () => ({ rules: { store: memoryStore(), waitMs: 5000 }, ...ordersInMemory() }),
  "sqlite, leased": () => ({ rules: { store: appDatabase().store }, ...ordersInMemory() }),
  "sqlite, transactional": () => {
    const database = appDatabase();
    return {
      rules: { store: database.store, mode: "transactional" },
      insert: (call) => insertOrder(openTransaction(call), "tea"),
      count: () => database.orders().length,
    };
  },
};

/** The results on all grounds, found at the same time: most of a run is waiting. */
const onAllGrounds = async <Found>(look: (ground: OrdersGround) => Promise<Found>): Promise<Record<string, Found>> =>
  Object.fromEntries(
    await Promise.all(Object.entries(grounds).map(async ([name, open]) => [name, await look(open())] as const)),
  );

const same = <Found>(found: Found): Record<string, Found> =>
  Object.fromEntries(Object.keys(grounds).map((name) => [name, found]));

describe.each(frameworks)("$name", (framework) => {
  test("no case fails or warns, by the draft, in any mode or store", async () => {
    const found = await onAllGrounds(async (ground) => {
      const report = await verified(framework, ground, { workMs: 1 });
      return { wrong: casesOf(report, "fail", "warn"), unasked: unaskedOf(report) };
    });
    expect(found).toEqual(same({ wrong: [], unasked: unasked(framework) }));
  });

  test("nor with work that outlasts its callers", async () => {
    const failed = await onAllGrounds(async (ground) =>
      casesOf(await verified(framework, ground, { workMs: 50, only: ["D"] }), "fail", "warn", "not-applicable"),
    );
    expect(failed).toEqual(same([]));
  });
});

/** The cases that can't be asked, each for a reason that we know of. */
function unasked({ name }: Framework): string[] {
  return [
    // The web's Headers join the lines of one header.
    ...(["web", "hono"].includes(name) ? ["R07"] : []),
    // Nest's error filter, as this route has it, makes 500 of every 404.
    ...(name === "nest" ? ["F12"] : []),
  ];
}
