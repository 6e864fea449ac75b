import type { Framework } from "./framework.ts";
import { withExpress } from "./with-express.ts";
import { withFastify } from "./with-fastify.ts";
import { withWeb } from "./with-web.ts";
import { withHono } from "./with-hono.ts";
import { withKoa } from "./with-koa.ts";
import { withNest } from "./with-nest.ts";
import { withNode } from "./with-node.ts";

/** Every framework that we have an adapter for. */
export const frameworks: readonly Framework[] = [
  withNode,
  withWeb,
  withExpress,
  withFastify,
  withHono,
  withKoa,
  withNest,
];
