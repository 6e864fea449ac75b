import { checkNames } from "../../core/option-names.ts";
import { checkNumber } from "../../core/options.ts";
import type { RetryBudget } from "./budget.ts";
import { thousandths, unit } from "./thousandths.ts";

/**
 * gRPC's retry throttling: each failed attempt takes a token, each successful call brings `tokenRatio` of one, and
 * retries are allowed while more than half of the tokens are left. A retry itself costs nothing. With the defaults, a
 * server that fails everything gets 4 retries and then none; from 0 tokens it takes 51 successes to allow them again.
 *
 * Source: gRFC A6, "Throttling Retry Attempts and Hedged RPCs".
 *
 * @param options.tokensMax the most tokens it can hold, and the number at the start: 1 to 1,000, default 10.
 * @param options.tokenRatio the part of a token that one success brings: 0.001 to 1,000 in steps of 0.001, default 0.1.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const fetch = retryingFetch({ budget: grpcBudget() });
 * ```
 */
export function grpcBudget(
  options: { readonly tokensMax?: number | undefined; readonly tokenRatio?: number | undefined } = {},
): RetryBudget {
  checkNames("grpcBudget", options, { tokensMax: true, tokenRatio: true });
  const tokensMax = thousandths(checkNumber("tokensMax", options.tokensMax ?? 10, { min: 1, max: 1000 }));
  const perSuccess = thousandths(checkNumber("tokenRatio", options.tokenRatio ?? 0.1, { min: 0.001, max: 1000 }));
  let tokens = tokensMax;
  return {
    onFailure() {
      tokens = Math.max(0, tokens - unit);
    },
    tryTake: () => tokens > tokensMax / 2,
    onSuccess() {
      tokens = Math.min(tokensMax, tokens + perSuccess);
    },
  };
}
