import { OnceAgainError } from "../../core/errors.ts";
import type { RedisConnection } from "./client.ts";
import { memoryPolicies } from "./health.ts";

/**
 * Looks once whether Redis may evict records.
 *
 * @returns a function for each claim. The first ones ask every master, beside the claim itself, and reject with
 *   `ONCE_OPTION_INVALID` when one evicts; a server that does not say (its INFO is forbidden, or it can't be reached) is
 *   asked again at the next claim. Afterwards it is `undefined`: a claim costs nothing more.
 */
export function evictionCheck(connection: RedisConnection): () => Promise<void> | undefined {
  let isSound = false;
  let asking: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    const policies = await memoryPolicies(connection).catch(() => []);
    const evicting = policies.find((policy) => policy !== undefined && policy !== "noeviction");
    if (evicting !== undefined) throw evictionError(evicting);
    isSound = policies.length > 0 && policies.every((policy) => policy === "noeviction");
  };
  return () => {
    if (isSound) return undefined;
    asking ??= ask().finally(() => (asking = undefined));
    return asking;
  };
}

function evictionError(policy: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `The maxmemory-policy of Redis is ${policy}, and must be noeviction: Redis may evict a record, and its operation then ` +
      "runs a second time. Set noeviction, or say with acknowledgeEviction: true that duplicates are no harm.",
    { details: { option: "maxmemory-policy" } },
  );
}
