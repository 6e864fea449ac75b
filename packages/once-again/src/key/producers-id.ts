/**
 * SQS makes such a deduplication id of a message's body, where a queue has content-based deduplication: two messages of the same
 * content are two messages all the same.
 */
const bodyHash = /^[\da-f]{64}$/;

/**
 * The id of a message of SQS that its producer gave it; `undefined`: none.
 *
 * @param attribute its attribute `id`.
 */
export function producersId(attribute: string | undefined, deduplicationId: string | undefined): string | undefined {
  if (attribute !== undefined) return attribute;
  return deduplicationId !== undefined && bodyHash.test(deduplicationId) ? undefined : deduplicationId;
}
