import type { Store } from "../stores/index.ts";
import { openDynamodb, openDynamodbOutbox } from "./stores/dynamodb.ts";
import { openMariadb, openMariadbOutbox } from "./stores/mariadb.ts";
import { openNats } from "./stores/nats.ts";
import type { OpenOutbox } from "./stores/open-outbox.ts";
import { openPostgres, openPostgresOutbox } from "./stores/postgres.ts";
import { openRedis } from "./stores/redis.ts";
import type { StoreUse } from "./stores/store-use.ts";

/** How a store, and the outbox there, is opened by its URL. A driver is loaded only when its URL is asked for. */
interface UrlScheme {
  readonly store: (url: URL, use: StoreUse) => Promise<Store>;
  /** Missing for a server that has no outbox. */
  readonly outbox?: (url: URL, use: StoreUse) => Promise<OpenOutbox>;
}

const postgres: UrlScheme = { store: openPostgres, outbox: openPostgresOutbox };
const mariadb: UrlScheme = { store: openMariadb, outbox: openMariadbOutbox };
const redis: UrlScheme = { store: openRedis };

/** The schemes of the URLs that a store may have. */
export const urlSchemes: Readonly<Record<string, UrlScheme>> = {
  postgres,
  postgresql: postgres,
  mysql: mariadb,
  mariadb,
  redis,
  rediss: redis,
  valkey: redis,
  valkeys: redis,
  nats: { store: openNats },
  dynamodb: { store: openDynamodb, outbox: openDynamodbOutbox },
};
