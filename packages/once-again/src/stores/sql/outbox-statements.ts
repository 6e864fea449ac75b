/** How many ordering keys one claim looks at, for each that it may take: those of other relays, and parked ones, are in its way. */
export const looksPerKey = 8;

/** Every how many claims one begins at the first message without a key, whatever comes at the end. */
export const keylessAnewEvery = 32;

/**
 * What becomes of a row `m` that is given back as `ended` says.
 *
 * @param now an expression of the time, milliseconds.
 * @param target what stands before the name of a column that is assigned. The key is assigned after what needs it.
 */
export function postponement(now: string, target = ""): string {
  return `
    ${target}owner = NULL, ${target}due_at = ${now} + ended.delay_ms,
    ${target}refusals = CASE WHEN ended.refusal IS NULL THEN m.refusals ELSE coalesce(ended.refusals, m.refusals + 1) END,
    ${target}refusal = coalesce(ended.refusal, m.refusal),
    ${target}parked_at = CASE WHEN ended.park IS NOT NULL THEN ${now} END,
    ${target}passed_key = CASE ended.park WHEN 'pass' THEN coalesce(m.ordering_key, m.passed_key) ELSE m.passed_key END,
    ${target}ordering_key = CASE ended.park WHEN 'pass' THEN NULL ELSE m.ordering_key END`;
}

/** Which row `m` it is. A message behind the oldest of its key has no owner yet. */
export const postponed = "m.position = ended.position AND (m.owner IS NULL OR m.owner = ended.owner)";
