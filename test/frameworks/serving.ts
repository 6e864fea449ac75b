import type { DatabaseSync } from "node:sqlite";
import { onTestFinished, type TestContext } from "vitest";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { appDatabase, insertOrder } from "../support/app-database.ts";
import { startHttpServer } from "../support/http-server.ts";
import type { Ability, Framework, Served } from "./framework.ts";
import type { Call, Route, RouteRules } from "./route.ts";

/** Serves a route until the running test ends: leased in memory, unless its rules say otherwise. */
export async function serving(
  framework: Framework,
  route: Omit<Route, "rules"> & { rules?: Partial<RouteRules> },
): Promise<Served & { url: string }> {
  const rules = { store: memoryStore(), onError: () => undefined, ...route.rules };
  const served = await framework.serve({ ...route, rules });
  onTestFinished(() => served.close());
  return { ...served, url: await startHttpServer(served.listener) };
}

/** Ends a test that a framework can't pass, with the reason that the guide gives. */
export function needs(framework: Framework, ability: Ability, context: TestContext): void {
  const reason = framework.cannot[ability];
  if (reason !== undefined) context.skip(reason);
}

/** The stores and modes that every framework is tried with, and how a handler has an effect in each. */
export const modes = ["leased, in memory", "leased, in SQLite", "transactional, in SQLite"] as const;

/** One of the modes, with an effect that can be counted: what is rolled back is not. */
export function effectIn(mode: (typeof modes)[number]): {
  rules: RouteRules;
  happen: (call: Call, item?: string) => void;
  happened: () => unknown[];
} {
  const effects: string[] = [];
  if (mode === "leased, in memory") {
    return {
      rules: { store: memoryStore() },
      happen: (_call, item = "tea") => void effects.push(item),
      happened: () => effects,
    };
  }
  const { store, orders } = appDatabase();
  if (mode === "leased, in SQLite") {
    return { rules: { store }, happen: (_call, item = "tea") => void effects.push(item), happened: () => effects };
  }
  return {
    rules: { store, mode: "transactional" },
    happen: ({ execution }, item = "tea") => insertOrder(execution.transaction as DatabaseSync, item),
    happened: orders,
  };
}
