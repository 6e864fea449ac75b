import { pool, store } from "./store.ts";

await store.migrate();
await pool.end();
