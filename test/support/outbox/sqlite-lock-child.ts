import { once } from "node:events";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";

// A separate process that writes into a file, and holds the lock until it is killed.

const database = new DatabaseSync(process.argv[2] ?? "");
database.exec("BEGIN IMMEDIATE; CREATE TABLE orders (item TEXT NOT NULL) STRICT");
process.stdout.write("locked\n");
await once(process.stdin, "data");
