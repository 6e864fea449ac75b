/**
 * What a store is opened for: a command, which asks once and fails at once, or a server, which works at many keys at a
 * time and lives through an absence of the store.
 */
export type StoreUse = "command" | "server";

/** How many connections a pool has. */
export const connectionsMax: Readonly<Record<StoreUse, number>> = { command: 1, server: 16 };

/** How long to wait before connecting again, milliseconds: longer at each attempt, a second at most. */
export const reconnectMs = (attempt: number): number => Math.min(attempt * 100, 1000);
