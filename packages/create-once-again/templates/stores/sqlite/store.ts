import { sqliteStore } from "once-again/stores/sqlite";

export const path = process.env["SQLITE_PATH"] ?? "shop.db";
export const store = sqliteStore({ path });
