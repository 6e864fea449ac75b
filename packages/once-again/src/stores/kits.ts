import { dynamodbKit } from "./dynamodb/kit.ts";
import type { StoreKit } from "./kit.ts";
import { mariadbKit } from "./mariadb/kit.ts";
import { memoryKit } from "./memory/kit.ts";
import { natsKit } from "./nats/kit.ts";
import { postgresKit } from "./postgres/kit.ts";
import { redisKit } from "./redis/kit.ts";
import { sqliteKit } from "./sqlite/kit.ts";

/** Every store that runs in Node, in the order in which pages name them. The only list. */
export const storeKits: readonly StoreKit[] = [
  memoryKit,
  sqliteKit,
  postgresKit,
  mariadbKit,
  redisKit,
  natsKit,
  dynamodbKit,
];
