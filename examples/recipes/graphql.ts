import { DatabaseSync } from "node:sqlite";
import { buildSchema, graphql } from "graphql";
import { onceWeb } from "once-again/web";
import { graphqlFailure } from "once-again/http";
import { sqliteStore } from "once-again/stores/sqlite";

// Stands for your sign-in: the account of each token.
const accounts = new Map([["Bearer secret", "acme"]]);
const accountOf = ({ headers }: Request) => accounts.get(headers.get("authorization") ?? "");

const path = process.env["ORDERS_DB"] ?? "orders.db";
new DatabaseSync(path).exec("CREATE TABLE IF NOT EXISTS payments (amount INTEGER NOT NULL) STRICT");
const schema = buildSchema("type Query { limit: Int! } type Mutation { pay(amount: Int!): Int, receipt: String }");

const payments = onceWeb(
  {
    mode: "transactional",
    store: sqliteStore({ path }),
    scope: (request) => accountOf(request)!,
    // GraphQL responds to errors with 200. Without this, half a mutation would be committed.
    failureOf: graphqlFailure,
  },
  async (request, { transaction }) => {
    const { query } = (await request.json()) as { query: string };
    const rootValue = {
      pay({ amount }: { amount: number }) {
        transaction.prepare("INSERT INTO payments VALUES (?)").run(amount);
        return amount;
      },
      receipt() {
        throw new Error("The printer is out of paper.");
      },
    };
    return Response.json(await graphql({ schema, source: query, rootValue }));
  },
);

export function serve(request: Request): Promise<Response> | Response {
  return accountOf(request) === undefined ? new Response("Who are you?", { status: 401 }) : payments(request);
}
