import type { ListRequest } from "../store.ts";

/** How a database writes the conditions of a list. */
export interface ListDialect {
  /** The name of a column in the statement. */
  readonly column: (name: "scope" | "key" | "lease_until") => string;
  /** Adds a text to the statement's values, and returns the expression that stands for it. */
  readonly text: (text: string) => string;
  /** Does the same for a time. */
  readonly time: (ms: number) => string;
  /** The condition of a scope that begins so. */
  readonly scopeBegins: (prefix: string) => string;
  /** The condition of a record in each of the states that people see. */
  readonly inState: Readonly<Record<NonNullable<ListRequest["state"]>, string>>;
}

/** The conditions of the records that a list has, and the columns that it is sorted by. Values are added in their order here. */
export function listConditions(
  { scope, scopePrefix, key, state, order, after }: ListRequest,
  { column, text, time, scopeBegins, inState }: ListDialect,
): { conditions: string[]; place: string } {
  const names = `${column("scope")}, ${column("key")}`;
  const place = order === "age" ? `${column("lease_until")}, ${names}` : names;
  const conditions: string[] = [];
  if (scope !== undefined) conditions.push(`${column("scope")} = ${text(scope)}`);
  if (scopePrefix !== undefined) conditions.push(scopeBegins(scopePrefix));
  if (key !== undefined) conditions.push(`${column("key")} = ${text(key)}`);
  if (state !== undefined) conditions.push(inState[state]);
  if (after !== undefined) {
    const lease = order === "age" ? `${time(after.leaseUntil ?? 0)}, ` : "";
    conditions.push(`(${place}) > (${lease}${text(after.scope)}, ${text(after.key)})`);
  }
  return { conditions, place };
}
