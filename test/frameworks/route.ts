import type { ServerResponse } from "node:http";
import type { DatabaseSync } from "node:sqlite";
import type { Readable } from "node:stream";
import type { Execution } from "../../packages/once-again/src/engine/index.ts";
import type { LeasedHttpOptions } from "../../packages/once-again/src/http/index.ts";
import type { TransactionalStore } from "../../packages/once-again/src/stores/store.ts";

/** The response of a handler, in terms of no framework. */
export type Reply =
  | { status: number; headers?: Record<string, string | string[]>; body?: string | Buffer | (() => Readable) }
  /** Past the framework, on Node's own response. */
  | { raw: (response: ServerResponse) => void | Promise<void> };

/** The arguments of a handler: its operation, and the body as the framework gives it. */
export interface Call {
  execution: Execution<DatabaseSync | undefined>;
  body: string;
}

/** The rules of a route, without the scope, which each framework reads from its own type of request. */
export type RouteRules = Omit<LeasedHttpOptions<never>, "scope" | "mode"> & { mode?: "leased" | "transactional" };

/** The route that every framework serves: all methods of `/v1/orders` and `/v2/orders`, one router mounted twice. */
export interface Route {
  rules: RouteRules;
  /** The scope of the keys, by the `Authorization` header; default `"public"`. */
  scope?: (authorization: string) => string;
  handle: (call: Call) => Promise<Reply> | Reply;
  /** Where a JSON parser stands; `"before"` keeps the bytes; default nowhere. */
  parser?: "before" | "before, keeping no bytes" | "behind";
  /** Where answers are compressed; default nowhere. */
  compression?: "before" | "behind";
}

/** The options of an adapter. Which of its overloads they fit is the test's affair. */
export function optionsOf<Native>(
  { rules, scope }: Route,
  authorizationOf: (request: Native) => string | null | undefined,
): LeasedHttpOptions<Native> {
  const options = {
    ...rules,
    scope: scope === undefined ? "public" : (request: Native) => scope(authorizationOf(request) ?? ""),
  };
  return options as unknown as LeasedHttpOptions<Native>;
}

export const openTransaction = ({ execution }: Call): DatabaseSync => execution.transaction!;

export type SqliteKeys = TransactionalStore<DatabaseSync>;
