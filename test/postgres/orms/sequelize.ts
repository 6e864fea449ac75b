import type { PoolClient } from "pg";
import { Sequelize, type Transaction } from "sequelize";
import { sequelizeTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { type ConnectOrm, hearNoticesOn, unwrapped } from "./connect-orm.ts";

/** The part of Sequelize that its types don't have. */
interface SequelizeInternals {
  readonly connectionManager: {
    getConnection(): Promise<PoolClient>;
    releaseConnection(connection: PoolClient): void;
  };
}

export const sequelize: ConnectOrm<Transaction> = async (url, { connectionsMax = 10, name, onNotice } = {}) => {
  const client = new Sequelize(url, {
    ...{ dialect: "postgres", logging: false, pool: { max: connectionsMax } },
    dialectOptions: { application_name: name },
  });
  if (onNotice !== undefined)
    client.addHook("afterConnect", (connection) => hearNoticesOn(connection as PoolClient, onNotice));
  const { connectionManager } = client as unknown as SequelizeInternals;
  return {
    transactions: sequelizeTransactions(client),
    execute: async (transaction, statement) => {
      const [rows] = await client.query(statement, { transaction }).catch((error: unknown) => {
        throw unwrapped(error);
      });
      return rows;
    },
    statement: (statement) => client.query(statement),
    nested: (transaction, work) => client.transaction({ transaction }, work),
    transact: (work) => client.transaction(work),
    async lend() {
      const connection = await connectionManager.getConnection();
      return {
        query: (statement) => connection.query(statement),
        release: () => connectionManager.releaseConnection(connection),
      };
    },
    close: () => client.close(),
  };
};
