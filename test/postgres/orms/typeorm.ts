import { DataSource, type EntityManager } from "typeorm";
import { onTestFinished } from "vitest";
import { typeOrmTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";
import type { ConnectOrm } from "./connect-orm.ts";

export const typeorm: ConnectOrm<EntityManager> = async (url, { connectionsMax = 10 } = {}) => {
  const source = new DataSource({ type: "postgres", url, poolSize: connectionsMax, poolErrorHandler: () => undefined });
  await source.initialize();
  onTestFinished(() => source.destroy());
  return {
    transactions: typeOrmTransactions(source),
    execute: (manager, statement) => manager.query<unknown[]>(statement),
    nested: (manager, work) => manager.transaction(work),
    transact: (work) => source.transaction(work),
  };
};
