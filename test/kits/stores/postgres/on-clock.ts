import type { Pool, PoolClient } from "pg";
import type { Clock } from "../../../../packages/once-again/src/core/clock.ts";
import { type PostgresStore, postgresStore } from "../../../../packages/once-again/src/stores/postgres/index.ts";
import type { PostgresStoreOptions } from "../../../../packages/once-again/src/stores/postgres/store.ts";
import { waitMsMax as busyMsMax } from "../../../support/wait-ms-max.ts";

/** A store with a server that seems to have another clock: its statements are given the time instead of asking for it. */
export function onClock(pool: Pool, clock: Clock, options: PostgresStoreOptions): PostgresStore<unknown> {
  const asked = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
  const onTime = (client: Pool | PoolClient) => (text: string, values?: unknown[]) =>
    client.query(text.replace(asked, `${clock.now()}::bigint`), values);
  const lent = (client: PoolClient) =>
    ({
      query: onTime(client),
      on: client.on.bind(client),
      removeListener: client.removeListener.bind(client),
      release: client.release.bind(client),
    }) as unknown as PoolClient;
  const connect = (callback: Parameters<Pool["connect"]>[0]) =>
    pool.connect((error, client, done) => callback(error, client && lent(client), done));
  // A text that changes with the time can't be prepared.
  return postgresStore({ query: onTime(pool), connect } as unknown as Pool, { busyMsMax, ...options, prepare: false });
}
