import { postgresEngine } from "../retention/postgres.ts";
import { sqliteEngine } from "../retention/sqlite.ts";
import type { ConsoleEngine } from "./engine.ts";
import { redisEngine } from "./redis.ts";

export const engines: readonly ConsoleEngine[] = [sqliteEngine, postgresEngine, redisEngine];
