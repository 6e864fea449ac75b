import { nameProblem, namesNothing } from "./key.ts";

/**
 * SQS makes such a deduplication id of a message's body, where a queue has content-based deduplication: two messages of the same
 * content are two messages all the same.
 */
const bodyHash = /^[\da-f]{64}$/;

/**
 * The id of a message of SQS that its producer gave it, which may be longer than a name; `undefined`: none.
 *
 * @param attribute its attribute `id`.
 * @param groupId a part of the id beside the deduplication id: a queue may deduplicate within each group alone, so that two groups
 *   number their messages alike.
 */
export function producersId(
  attribute: string | undefined,
  deduplicationId: string | undefined,
  groupId: string | undefined,
): string | undefined {
  if (attribute !== undefined) return attribute;
  if (deduplicationId === undefined || bodyHash.test(deduplicationId)) return undefined;
  return groupId === undefined || namesNothing(deduplicationId) ? deduplicationId : `${groupId} ${deduplicationId}`;
}

/** A name as it is where a store takes it, or where it names nothing, and else its hash. */
export function fittingName(name: string, hash: (text: string) => string): string {
  return nameProblem(name) === undefined || namesNothing(name) ? name : hash(name);
}
