import { buildSchema, graphql } from "graphql";
import { onceFunction } from "once-again/function";
import { sqliteStore } from "once-again/stores/sqlite";
import { DatabaseSync } from "node:sqlite";

const path = process.env["ORDERS_DB"] ?? "orders.db";
new DatabaseSync(path).exec("CREATE TABLE IF NOT EXISTS payments (account TEXT, amount INTEGER) STRICT");
const schema = buildSchema(`
  type Query { limit: Int! }
  type Payment { id: ID!, amount: Int! }
  type Mutation { pay(id: ID!, amount: Int!): Payment }
`);

const pay = onceFunction(
  {
    mode: "transactional",
    store: sqliteStore({ path }),
    scope: "pay",
    // Callers choose their ids themselves, so the account is a part of the key.
    key: (account: string, { id }: { id: string; amount: number }) => `${account}/${id}`,
  },
  ({ transaction }, account, { id, amount }) => {
    transaction.prepare("INSERT INTO payments VALUES (?, ?)").run(account, amount);
    return { id, amount };
  },
);

/** One mutation of several in a document may fail; each has a key, and happens once, by itself. */
export function execute(account: string, source: string) {
  const rootValue = { pay: (args: { id: string; amount: number }) => pay(account, args) };
  return graphql({ schema, source, rootValue });
}
