import type { Check, Mutant } from "./mutant.ts";

const test = (file: string): Check => ({ kind: "test", file });

/** What the PostgreSQL store promises of transactions and connections. */
export const postgresMutants: readonly Mutant[] = [
  {
    guard: "postgres: what a handler is given ends with its work",
    file: "packages/once-again/src/stores/postgres/session.ts",
    search: "guard.end();",
    replace: "",
    check: test("packages/once-again/src/stores/postgres/given-transaction.test.ts"),
    killedBy: "is of no use after the work",
  },
  {
    guard: "postgres: a nested COMMIT ends a savepoint, not the transaction",
    file: "packages/once-again/src/stores/sql/nested-transaction.ts",
    search: "if (controls.length === 0) return undefined;",
    replace: "if (controls.length >= 0) return undefined;",
    check: test("packages/once-again/src/stores/postgres/orm-transactions.test.ts"),
    killedBy: "one key, one row",
  },
  {
    guard: "postgres: a commit that got through holds the key",
    file: "packages/once-again/src/stores/postgres/transact.ts",
    search: "hold: () => holdKey(query, keyed, { ...request, owner }),",
    replace: "",
    check: test("packages/once-again/src/stores/postgres/given-transaction.test.ts"),
    killedBy: "leaves its key held",
  },
  {
    guard: "postgres: two operations at once on one transaction are refused",
    file: "packages/once-again/src/stores/postgres/once-within.ts",
    search: "if (others.length > 0 && others.at(-1) !== asking.getStore()) throw twoAtOnce();",
    replace: "",
    check: test("packages/once-again/src/stores/postgres/once-within.test.ts"),
    killedBy: "two at once on one transaction are refused",
  },
  {
    guard: "postgres: a connection that fell silent is closed",
    file: "packages/once-again/src/stores/postgres/pooled-query.ts",
    search: "// It is given back already, unless nobody answered.\n      pooled?.destroy?.();",
    replace: "",
    check: test("packages/once-again/src/stores/postgres/connections.test.ts"),
    killedBy: "that fell silent are closed by a claim",
  },
  {
    guard: "postgres: a connection whose ROLLBACK is slow is given back when it has rolled back",
    file: "packages/once-again/src/stores/postgres/session.ts",
    search: "if (pooled.destroy !== undefined) destroy();\n        return",
    replace: "destroy();\n        return",
    check: test("packages/once-again/src/stores/postgres/connections.test.ts"),
    killedBy: "are given back by a transaction whose ROLLBACK is slow",
  },
  {
    guard: "postgres: one connection is left for those that handlers ask for",
    file: "packages/once-again/src/stores/postgres/postgres-store.ts",
    search: "Math.max(1, connectionsMax - 1)",
    replace: "connectionsMax",
    check: test("packages/once-again/src/stores/postgres/connections.test.ts"),
    killedBy: "suffice for handlers that each ask the same pool for a second one",
  },
];
