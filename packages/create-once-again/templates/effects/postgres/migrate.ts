import { pool, store } from "./store.ts";

await store.migrate();
await pool.query("CREATE TABLE IF NOT EXISTS charges (id serial PRIMARY KEY, amount integer NOT NULL)");
await pool.end();
