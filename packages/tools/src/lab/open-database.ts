import { DatabaseSync } from "node:sqlite";

/** How long to wait for a process that comes back after a kill and puts the file in order, milliseconds. */
const busyMsMax = 5000;

/**
 * Opens the database file at `path`, also to read it only: its writer may have been killed, and its unfinished transaction
 * has to be undone first. SQLite refuses that on a connection which may only read.
 */
export function openDatabase(path: string): DatabaseSync {
  return new DatabaseSync(path, { timeout: busyMsMax });
}
