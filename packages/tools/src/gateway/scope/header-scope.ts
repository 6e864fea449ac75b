import { BlockList, isIPv6 } from "node:net";
import type { RequestFacts, ScopeOf } from "../gateway-options.ts";
import { refuse } from "./refusal.ts";
import type { HeaderScopeRule } from "./scope-rule.ts";

/** The account is what a proxy in front has set in a header: exactly one value, from an address that is trusted. */
export function headerScope({ name, from }: HeaderScopeRule): ScopeOf {
  const lowerCaseName = name.toLowerCase();
  const isTrusted = from === undefined ? () => true : peersIn(from);
  return async ({ headers, remoteAddress }: RequestFacts) => {
    if (!isTrusted(remoteAddress)) {
      return refuse(403, `The header ${name} is not believed from this address: come through the proxy in front.`);
    }
    const values = headers[lowerCaseName] ?? [];
    const scope = values[0]?.trim() ?? "";
    if (scope === "") return refuse(401, `Whose request this is must be in the header ${name}, and it is not there.`);
    if (values.length > 1) return refuse(400, `The header ${name} came ${values.length} times.`);
    return { scope };
  };
}

/** Whether a peer's address is in one of some networks, such as `10.0.0.0/8` or `::1`. */
function peersIn(networks: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address = "") => list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}
