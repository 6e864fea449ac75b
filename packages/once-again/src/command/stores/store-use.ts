/**
 * The purpose of a store: a command asks once and fails at once; a server works at many keys at a time and survives an
 * outage of the store.
 */
export type StoreUse = "command" | "server";

/** How many connections a pool has. */
export const connectionsMax: Readonly<Record<StoreUse, number>> = { command: 1, server: 16 };

/** How long to wait before connecting again, milliseconds: longer at each attempt, a second at most. */
export const reconnectMs = (attempt: number): number => Math.min(attempt * 100, 1000);
