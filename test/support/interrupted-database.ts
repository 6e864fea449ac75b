import { cpSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** A database file as a process leaves it that is killed in a transaction: with a journal of what has to be undone. */
export function interruptedDatabase(path: string, schema: string): void {
  const original = `${path}.original`;
  const database = new DatabaseSync(original);
  database.exec(schema);
  // More than SQLite may hold back: part of it is in the file.
  database.exec("PRAGMA cache_size = 1; BEGIN IMMEDIATE; CREATE TABLE never_committed (bytes BLOB)");
  for (let row = 0; row < 50; row += 1) database.exec("INSERT INTO never_committed VALUES (zeroblob(10000))");
  for (const suffix of ["", "-journal"]) cpSync(`${original}${suffix}`, `${path}${suffix}`);
  database.close();
}
