import type { StoreUse } from "./kit.ts";

/** Takes one of our own parameters out of a URL's query: what is left there is the driver's. */
export function takeParameter(url: URL, name: string): string | undefined {
  const value = url.searchParams.get(name) ?? undefined;
  url.searchParams.delete(name);
  return value;
}

/** How many connections a pool has. */
export const connectionsMax: Readonly<Record<StoreUse, number>> = { command: 1, server: 16 };

/** How long to wait before connecting again, milliseconds: longer at each attempt, a second at most. */
export const reconnectMs = (attempt: number): number => Math.min(attempt * 100, 1000);
