import { addressesIn } from "../networks.ts";
import type { RequestFacts, ScopeOf } from "../gateway-options.ts";
import { refuse } from "./refusal.ts";
import type { HeaderScopeRule } from "./scope-rule.ts";

/** The account is what a proxy in front has set in a header: exactly one value, from an address that is trusted. */
export function headerScope({ name, from }: HeaderScopeRule): ScopeOf {
  const lowerCaseName = name.toLowerCase();
  const isTrusted = from === undefined ? () => true : addressesIn(from);
  return async ({ headers, remoteAddress }: RequestFacts) => {
    if (!isTrusted(remoteAddress)) {
      return refuse(403, `The header ${name} is not believed from this address: come through the proxy in front.`);
    }
    const values = headers[lowerCaseName] ?? [];
    // Node has removed what HTTP calls white space. A name that ends with another space is another account.
    const scope = values[0] ?? "";
    if (scope === "") return refuse(401, `The header ${name}, which names the caller of a request, is missing.`);
    if (values.length > 1) return refuse(400, `The header ${name} came ${values.length} times.`);
    return { scope };
  };
}
