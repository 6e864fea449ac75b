import { describe, expect, test } from "vitest";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { appDatabase, insertOrder } from "../support/app-database.ts";
import { frameworks } from "../frameworks/frameworks.ts";
import { openTransaction } from "../frameworks/route.ts";
import { casesOf, type OrdersGround, unaskedOf, verified } from "./orders.ts";

// Every framework with the rules of the Agentic Commerce Protocol.

/** Where the key, the order and the response commit together. */
function transactionalGround(): OrdersGround {
  const database = appDatabase();
  return {
    rules: { store: database.store, mode: "transactional", profile: "acp" },
    insert: (call) => insertOrder(openTransaction(call), "tea"),
    count: () => database.orders().length,
  };
}

/** Where an order is looked up by its key before its operation runs again. */
function reconciledGround(): OrdersGround {
  const orders = new Map<string, number>();
  let count = 0;
  return {
    rules: {
      store: memoryStore(),
      profile: "acp",
      onUnknown: async ({ scope, key }) => {
        const id = orders.get(`${scope} ${key}`);
        return id === undefined ? { absent: "fenced" } : { found: { status: 201, body: JSON.stringify({ id }) } };
      },
    },
    insert({ execution: { scope, key } }) {
      count += 1;
      orders.set(`${scope} ${key}`, count);
    },
    count: () => count,
  };
}

describe.each(frameworks)("$name", (framework) => {
  test.each([
    { ground: "transactional", open: transactionalGround },
    { ground: "leased and looked up", open: reconciledGround },
  ])("no case of the profile fails or warns: $ground", async ({ open }) => {
    const report = await verified(framework, open(), { workMs: 1, profile: "acp" });
    const unasked = unaskedOf(report).filter((id) => id !== "A03");
    expect({ wrong: casesOf(report, "fail", "warn"), unasked }).toEqual({ wrong: [], unasked: [] });
  });
});
