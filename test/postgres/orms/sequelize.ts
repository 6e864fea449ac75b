import { Sequelize, type Transaction } from "sequelize";
import { onTestFinished } from "vitest";
import { sequelizeTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { type ConnectOrm, unwrapped } from "./connect-orm.ts";

export const sequelize: ConnectOrm<Transaction> = async (url, { connectionsMax = 10 } = {}) => {
  const client = new Sequelize(url, { dialect: "postgres", logging: false, pool: { max: connectionsMax } });
  onTestFinished(() => client.close());
  return {
    transactions: sequelizeTransactions(client),
    execute: async (transaction, statement) => {
      const [rows] = await client.query(statement, { transaction }).catch((error: unknown) => {
        throw unwrapped(error);
      });
      return rows;
    },
    nested: (transaction, work) => client.transaction({ transaction }, work),
    transact: (work) => client.transaction(work),
  };
};
