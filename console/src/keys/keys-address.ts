import type { KeySummary } from "../../../src/console/keys/keys-protocol.ts";

export type StateFilter = "" | KeySummary["state"];

/** What the page shows, as its address says: a colleague who is sent it sees the same. */
export interface KeysAddress {
  readonly scope: string;
  readonly state: StateFilter;
  /** The key that is open. */
  readonly open: { readonly scope: string; readonly key: string } | undefined;
}

const states: readonly string[] = ["", "abandoned", "running", "done"] satisfies StateFilter[];

/** Reads the fragment of an address: `#keys?scope=acme&state=abandoned&in=acme&key=order-7`. */
export function readAddress(fragment: string): KeysAddress {
  const query = new URLSearchParams(fragment.split("?")[1] ?? "");
  const state = query.get("state") ?? "";
  const [scope, key] = [query.get("in"), query.get("key")];
  return {
    scope: query.get("scope") ?? "",
    state: states.includes(state) ? (state as StateFilter) : "",
    open: scope === null || key === null ? undefined : { scope, key },
  };
}

/** The fragment that `readAddress` reads. */
export function addressText({ scope, state, open }: KeysAddress): string {
  const query = new URLSearchParams({
    ...(scope !== "" && { scope }),
    ...(state !== "" && { state }),
    ...(open !== undefined && { in: open.scope, key: open.key }),
  });
  return query.size === 0 ? "#keys" : `#keys?${query}`;
}
