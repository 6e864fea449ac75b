import { postgresStore } from "once-again/stores/postgres";
import { Pool } from "pg";

export const pool = new Pool({ connectionString: process.env["DATABASE_URL"] ?? "postgres://127.0.0.1/shop" });
export const store = postgresStore(pool);
