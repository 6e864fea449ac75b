import type { Pool } from "pg";
import { DataSource, type EntityManager } from "typeorm";
import { typeOrmTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { type ConnectOrm, hearNotices } from "./connect-orm.ts";

export const typeorm: ConnectOrm<EntityManager> = async (url, options = {}) => {
  const { connectionsMax = 10, name } = options;
  const source = new DataSource({
    ...{ type: "postgres", url, poolSize: connectionsMax, poolErrorHandler: () => undefined },
    ...(name !== undefined && { applicationName: name }),
  });
  await source.initialize();
  const { master: pool } = source.driver as unknown as { master: Pool };
  hearNotices(pool, options);
  return {
    transactions: typeOrmTransactions(source),
    execute: (manager, statement) => manager.query<unknown[]>(statement),
    statement: (statement) => source.query(statement),
    nested: (manager, work) => manager.transaction(work),
    transact: (work) => source.transaction(work),
    lend: () => pool.connect(),
    close: () => source.destroy(),
  };
};
