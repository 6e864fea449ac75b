import type { DatabaseSync } from "node:sqlite";
import type { HttpResponse, HttpHandler, TransactionalHttpOptions } from "../../packages/once-again/src/http/index.ts";
import { onceHttp } from "../../packages/once-again/src/http/handle-request.ts";
import { appDatabase, insertOrder } from "./app-database.ts";
import { ask, type Asked } from "./http-bench.ts";

/** A transactional route on a new database. All requests have one scope and repeats don't wait, unless the options say otherwise. */
export function transactionalRoute(options: Partial<TransactionalHttpOptions<string, DatabaseSync>> = {}) {
  const { store, orders } = appDatabase();
  const errors: unknown[] = [];
  const once = onceHttp<string, DatabaseSync>({
    mode: "transactional",
    store,
    scope: "public",
    waitMs: 0,
    onError: (error) => errors.push(error),
    ...options,
  });
  return {
    once,
    store,
    orders,
    errors,
    post: (run: HttpHandler<DatabaseSync>, asked?: Asked) => ask(once, run, asked),
  };
}

/** A handler that writes an order and gives an answer. */
export const ordering =
  (answer: HttpResponse): HttpHandler<DatabaseSync> =>
  async ({ transaction }) => {
    insertOrder(transaction, "tea");
    return answer;
  };
