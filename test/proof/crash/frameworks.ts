import type { Framework } from "../../frameworks/framework.ts";

/** The frameworks of API processes, loaded one by one: a process that comes back shall not wait for all of them. */
const frameworks = {
  node: async () => (await import("../../frameworks/with-node.ts")).withNode,
  express: async () => (await import("../../frameworks/with-express.ts")).withExpress,
  fastify: async () => (await import("../../frameworks/with-fastify.ts")).withFastify,
  koa: async () => (await import("../../frameworks/with-koa.ts")).withKoa,
  web: async () => (await import("../../frameworks/with-web.ts")).withWeb,
  hono: async () => (await import("../../frameworks/with-hono.ts")).withHono,
  nest: async () => (await import("../../frameworks/with-nest.ts")).withNest,
} satisfies Record<string, () => Promise<Framework>>;

export type FrameworkName = keyof typeof frameworks;
export const frameworkNames = Object.keys(frameworks) as FrameworkName[];
export const frameworkOf = (name: FrameworkName): Promise<Framework> => frameworks[name]();

/** Where they all have their route. */
export const routePath = "/v1/orders";
