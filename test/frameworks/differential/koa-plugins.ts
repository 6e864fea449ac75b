import { bodyParser } from "@koa/bodyparser";
import cors from "@koa/cors";
import helmet from "helmet";
import Koa, { type Middleware } from "koa";
import koaCompress from "koa-compress";
import { onceKoa } from "../../../packages/once-again/src/frameworks/koa.ts";
import { chunks } from "./node-programs.ts";
import { mount, order, placed } from "./plugin.ts";
import { options, type Subject } from "./subject.ts";

const routes = ["text", "json", "stream", "redirect", "error"];

const plugins: Readonly<Record<string, () => Middleware>> = {
  "@koa/bodyparser": () => bodyParser() as Middleware,
  "@koa/cors": () => cors({ origin: "https://shop.example", credentials: true, exposeHeaders: ["etag"] }),
  "helmet on Node's response": () => {
    const protect = helmet();
    return async ({ req, res }, next) => {
      await new Promise((resolve) => {
        protect(req, res, resolve);
      });
      await next();
    };
  },
  "koa-compress": () => koaCompress({ threshold: 0 }) as Middleware,
};

export const koaSubjects: readonly Subject[] = Object.entries(plugins).flatMap(([plugin, make]) =>
  placed({ framework: "Koa", plugin, routes }, async (place, isGuarded) => {
    const app = new Koa();
    app.silent = true;
    const once = isGuarded ? (onceKoa(options()) as Middleware) : undefined;
    mount<Middleware>(place, (handler) => app.use(handler), make(), once);
    app.use((context) => {
      const route = context.path.split("/")[2];
      if (route === "error") context.throw(418, "no tea");
      else if (route === "redirect") context.redirect("/orders/7");
      else context.body = route === "text" ? "made" : route === "json" ? order : chunks("a", "b");
    });
    const listener = app.callback();
    return (request, response) => void listener(request, response);
  }),
);
