import { getRequestListener } from "@hono/node-server";
import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { logger } from "hono/logger";
import { poweredBy } from "hono/powered-by";
import { prettyJSON } from "hono/pretty-json";
import { secureHeaders } from "hono/secure-headers";
import { onceHono } from "../../../packages/once-again/src/frameworks/hono.ts";
import { mount, order, placed } from "./plugin.ts";
import { options, type Subject } from "./subject.ts";

const routes = ["text", "json", "stream", "redirect", "error"];

const plugins: Readonly<Record<string, () => MiddlewareHandler>> = {
  "body-limit": () => bodyLimit({ maxSize: 100_000 }),
  compress: () => compress({ threshold: 0 }),
  cors: () => cors({ origin: "https://shop.example", credentials: true, exposeHeaders: ["etag"] }),
  etag: () => etag(),
  logger: () => logger(() => undefined),
  "powered-by": () => poweredBy(),
  "pretty-json": () => prettyJSON(),
  "secure-headers": () => secureHeaders(),
};

export const honoSubjects: readonly Subject[] = Object.entries(plugins).flatMap(([plugin, make]) =>
  placed({ framework: "Hono", plugin, routes }, async (place, isGuarded) => {
    const app = new Hono();
    const once = isGuarded ? (onceHono(options()) as unknown as MiddlewareHandler) : undefined;
    mount<MiddlewareHandler>(place, (handler) => app.use(handler), make(), once);
    app.onError((error, context) => context.json({ failed: error.message }, 500));
    app.all("/plugin/text", (context) => context.text("made"));
    app.all("/plugin/json", (context) => context.json(order, 201));
    app.all("/plugin/stream", (context) => context.body(new Blob(["ab"]).stream()));
    app.all("/plugin/redirect", (context) => context.redirect("/orders/7"));
    app.all("/plugin/error", () => {
      throw new Error("no tea");
    });
    return getRequestListener(app.fetch);
  }),
);
