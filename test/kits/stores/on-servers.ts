import type { TestedStore } from "../store-kit.ts";
import { dynamodb } from "./dynamodb/kit.ts";
import { mariadb } from "./mariadb/kit.ts";
import { nats } from "./nats/kit.ts";
import { postgres } from "./postgres/kit.ts";
import { redis } from "./redis/kit.ts";

/** The stores that need a server. */
export const storesOnServers: readonly TestedStore[] = [postgres, mariadb, redis, nats, dynamodb];
