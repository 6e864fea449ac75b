import { pool, store } from "./store.ts";

await store.migrate();
await pool.query("CREATE TABLE IF NOT EXISTS charges (id integer PRIMARY KEY AUTO_INCREMENT, amount integer NOT NULL)");
await pool.end();
