import type { Pool, PoolConnection } from "mysql2/promise";
import type { Clock } from "../../../../packages/once-again/src/core/clock.ts";
import { mariadbStore, type MariadbStore } from "../../../../packages/once-again/src/stores/mariadb/index.ts";
import { clock as serverTime } from "../../../../packages/once-again/src/stores/mariadb/statements.ts";
import type { MariadbStoreOptions } from "../../../../packages/once-again/src/stores/mariadb/store.ts";

/** A store with a server that seems to have another clock: its statements are given the time instead of asking for it. */
export function onClock(pool: Pool, clock: Clock, options: MariadbStoreOptions): MariadbStore<PoolConnection> {
  return mariadbStore(
    {
      query: (statement: string, values?: unknown[]) => pool.query(statement, values),
      getConnection: async () => {
        const connection = await pool.getConnection();
        const query = (statement: string, values?: unknown[]) =>
          connection.query(statement.replaceAll(serverTime, String(clock.now())), values);
        return {
          query,
          release: () => connection.release(),
          destroy: () => connection.destroy(),
        } as unknown as PoolConnection;
      },
    },
    options,
  );
}
