import { type EntityManager, MikroORM } from "@mikro-orm/postgresql";
import { onTestFinished } from "vitest";
import { defineEntity, p } from "@mikro-orm/core";
import { mikroOrmTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { type ConnectOrm, unwrapped } from "./connect-orm.ts";

const effect = defineEntity({ name: "Effect", tableName: "effects", properties: { name: p.string().primary() } });

export const mikroOrm: ConnectOrm<EntityManager> = async (url, { connectionsMax = 10 } = {}) => {
  const orm = new MikroORM({ clientUrl: url, entities: [effect], pool: { max: connectionsMax }, debug: false });
  onTestFinished(() => orm.close());
  return {
    transactions: mikroOrmTransactions(orm),
    commitText: "commit",
    execute: (em, statement) =>
      em.execute<unknown[]>(statement).catch((error: unknown) => {
        throw unwrapped(error);
      }),
    nested: (em, work) => em.transactional(work),
    transact: (work) => orm.em.fork().transactional(work),
  };
};
