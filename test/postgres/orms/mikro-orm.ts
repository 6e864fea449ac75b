import { defineEntity, p } from "@mikro-orm/core";
import { type EntityManager, MikroORM } from "@mikro-orm/postgresql";
import { mikroOrmTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { type ConnectOrm, hearNotices, unwrapped } from "./connect-orm.ts";

const effect = defineEntity({ name: "Effect", tableName: "effects", properties: { name: p.string().primary() } });

export const mikroOrm: ConnectOrm<EntityManager> = async (url, options = {}) => {
  const { connectionsMax = 10, name } = options;
  const orm = new MikroORM({
    ...{ clientUrl: url, entities: [effect], pool: { max: connectionsMax }, debug: false },
    driverOptions: { application_name: name },
  });
  const pool = await orm.em.getConnection().getNativeClient();
  hearNotices(pool, options);
  return {
    transactions: mikroOrmTransactions(orm),
    commitText: "commit",
    execute: (em, statement) =>
      em.execute<unknown[]>(statement).catch((error: unknown) => {
        throw unwrapped(error);
      }),
    statement: (statement) => orm.em.fork().execute(statement),
    nested: (em, work) => em.transactional(work),
    transact: (work) => orm.em.fork().transactional(work),
    lend: () => pool.connect(),
    close: () => orm.close(),
  };
};
