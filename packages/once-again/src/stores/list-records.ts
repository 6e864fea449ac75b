import { checkChoice, checkNumber, invalidOptionError } from "../core/options.ts";
import type { InspectedRecord, ListRequest, RecordName, RecordSizes } from "./store.ts";
import { isTime } from "./transition.ts";

/** The order in which records are listed: by scope, then by key, each by its UTF-16 code units. */
export function compareNames(one: RecordName, other: RecordName): number {
  return compare(one.scope, other.scope) || compare(one.key, other.key);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** The order of a list: two records, or a record and a place. */
export function listOrder({ order }: ListRequest): (one: InspectedRecord, other: InspectedRecord) => number {
  if (order !== "age") return compareNames;
  return (one, other) => one.record.leaseUntil - other.record.leaseUntil || compareNames(one, other);
}

/**
 * The first records of a list: those that a request asks for, in its order, up to its limit. For a store that has its records at hand;
 * a database selects and sorts by itself.
 *
 * @param records all that are stored and not expired, or all of them that may be listed.
 * @returns a new list.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit out of bounds, and for a place that the order can't find.
 * @example
 * ```ts
 * import { firstRecords, type InspectedRecord, type Store } from "once-again/stores";
 *
 * const records: InspectedRecord[] = [];
 * const store: Pick<Store, "list"> = { list: async (request) => firstRecords(records, request) };
 * ```
 */
export function firstRecords(records: readonly InspectedRecord[], request: ListRequest): InspectedRecord[] {
  const limit = checkListRequest(request);
  const first = records
    .filter((record) => isListed(request, record))
    .sort(listOrder(request))
    .slice(0, limit);
  return request.content === "sizes" ? first.map((one) => withSizes(one)) : first;
}

/** A record as a list of sizes has it. @param sizes by default those of what it holds. */
export function withSizes(listed: InspectedRecord, sizes = measureRecord(listed)): InspectedRecord {
  return { ...listed, record: { ...listed.record, result: undefined, checkpoints: {} }, sizes };
}

/** How much a record holds, whether it was listed whole or not. */
export function measureRecord({ record: { result, checkpoints }, sizes }: InspectedRecord): RecordSizes {
  return sizes ?? { resultBytes: result?.length, checkpoints: Object.keys(checkpoints).length };
}

/** Whether a record belongs into a list by its name. */
export function isListedName({ scope, scopePrefix, key, after, order }: ListRequest, name: RecordName): boolean {
  if (scope !== undefined && name.scope !== scope) return false;
  if (scopePrefix !== undefined && !name.scope.startsWith(scopePrefix)) return false;
  if (key !== undefined && name.key !== key) return false;
  return after === undefined || order === "age" || compareNames(name, after) > 0;
}

/** Whether a record belongs into a list. */
export function isListed(request: ListRequest, listed: InspectedRecord): boolean {
  const { state, after, order } = request;
  if (!isListedName(request, listed) || (state !== undefined && listed.state !== state)) return false;
  if (after === undefined || order !== "age") return true;
  const later = listed.record.leaseUntil - (after.leaseUntil ?? 0) || compareNames(listed, after);
  return later > 0;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit out of bounds. */
export function checkListLimit({ limit = 100 }: { limit?: number | undefined }): number {
  return checkNumber("limit", limit, { min: 1, max: 1000, integer: true });
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit out of bounds, and for a place that the order can't find. */
export function checkListRequest(request: ListRequest): number {
  const { order = "name", after, content = "whole" } = request;
  checkChoice("order", order, ["name", "age"]);
  checkChoice("content", content, ["whole", "sizes"]);
  if (order === "age" && after !== undefined && !isTime(after.leaseUntil ?? Number.NaN)) {
    throw invalidOptionError("after", 'a scope, a key and a leaseUntil, with order: "age"', after);
  }
  return checkListLimit(request);
}

/** Before the first message: positions are from 1. */
const firstPosition = "0";

/** How many digits a position has in most outboxes. */
const positionDigitsMax = 15;

/**
 * The position after which a page of an outbox begins.
 *
 * @param digitsMax how many digits a position has.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no position.
 */
export function checkAfter(
  { after = firstPosition }: { after?: string | undefined },
  digitsMax = positionDigitsMax,
): string {
  if (typeof after === "string" && after.length <= digitsMax && /^\d+$/.test(after)) return after;
  throw invalidOptionError("after", "the position of a message, as listUnconfirmed gave it", after);
}
