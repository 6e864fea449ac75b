import type { ConnectOrm } from "./connect-orm.ts";
import { mikroOrm } from "./mikro-orm.ts";
import { prisma } from "./prisma.ts";
import { sequelize } from "./sequelize.ts";
import { typeorm } from "./typeorm.ts";

/** Every ORM, by its name. */
export const allOrms: Readonly<Record<string, ConnectOrm<unknown>>> = {
  Prisma: prisma,
  TypeORM: typeorm,
  Sequelize: sequelize,
  MikroORM: mikroOrm,
};
