import type { RetentionEngine } from "./engine.ts";
import { mariadbEngine } from "./mariadb.ts";
import { postgresEngine } from "./postgres.ts";
import { sqliteEngine } from "./sqlite.ts";

export const engines: readonly RetentionEngine[] = [sqliteEngine, postgresEngine, mariadbEngine];
