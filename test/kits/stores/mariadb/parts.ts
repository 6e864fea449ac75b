import process from "node:process";
import { createPool as createCallbackPool } from "mysql2";
import { createPool, type PoolConnection, type RowDataPacket } from "mysql2/promise";
import { mariadbStore } from "../../../../packages/once-again/src/stores/mariadb/index.ts";
import { waitMsMax as busyMsMax } from "../../../support/wait-ms-max.ts";
import type { StoreParts } from "../../store-kit.ts";
import { onClock } from "./on-clock.ts";

let databases = 0;

export const mariadbParts: StoreParts = {
  clients: {
    async mysql2(uri, records, { connectionsMax = 2 } = {}) {
      const pool = createPool({ uri, connectionLimit: connectionsMax });
      const store = mariadbStore(pool, { busyMsMax, tablePrefix: `${records}_` });
      await store.migrate();
      return { ...store, close: () => pool.end() };
    },
  },
  async onClock(uri, records, clock) {
    const pool = createPool({ uri });
    const store = onClock(pool, clock, { busyMsMax, tablePrefix: `${records}_` });
    await store.migrate();
    return { ...store, close: () => pool.end() };
  },
  async breakRecord(uri, records, { key }) {
    const pool = createPool({ uri, connectionLimit: 1 });
    await pool.query(`UPDATE ${records}_keys SET attempt = 0 WHERE \`key\` = ?`, [Buffer.from(key)]);
    await pool.end();
  },
  async ownDatabase(place) {
    const name = `own_${process.pid}_${(databases += 1)}`;
    const root = createPool({ uri: place });
    await root.query(`CREATE DATABASE ${name}`);
    await root.end();
    const uri = place.replace(/[^/]+$/, name);
    const open = () => {
      const pool = createPool({ uri, connectionLimit: 5 });
      return { ...mariadbStore(pool, { busyMsMax }), close: () => pool.end() };
    };
    const store = open();
    await store.migrate();
    const outside = createPool({ uri, connectionLimit: 1 });
    await outside.query("CREATE TABLE effects (name varchar(255) NOT NULL)");
    return {
      store: store as never,
      open: async () => open() as never,
      execute: (connection: PoolConnection, statement) => connection.query(statement),
      effects: async () =>
        (await outside.query<RowDataPacket[]>("SELECT name FROM effects ORDER BY name"))[0].map((row) => row["name"]),
      [Symbol.asyncDispose]: () => outside.end(),
    };
  },
  mistaken: () => {
    const [promises, callbacks] = [createPool({}), createCallbackPool({})];
    return {
      "a pool of mysql2/promise": {
        client: promises,
        advice: "wrap it, mariadbStore(pool)",
        close: () => promises.end(),
      },
      "a pool of mysql2": { client: callbacks, advice: "mysql2/promise", close: () => callbacks.promise().end() },
    };
  },
  make: (client, options) => mariadbStore(client as never, options),
};
