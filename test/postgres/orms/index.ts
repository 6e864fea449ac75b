import type { ConnectOrm } from "./connect-orm.ts";
import { prisma } from "./prisma.ts";

/** Every ORM, by its name. */
export const orms: Readonly<Record<string, ConnectOrm<unknown>>> = { Prisma: prisma };
