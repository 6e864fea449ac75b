import Koa from "koa";
import { expect, test } from "vitest";
import { startHttpServer, post, posted } from "../../../../test/support/http-server.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { onceKoa } from "./koa.ts";
import type { NodeExecution } from "./node.ts";

// Koa's peculiarities; the suites that all frameworks share are in test/frameworks.

async function served(handle: Koa.Middleware): Promise<string> {
  const app = new Koa();
  app.silent = true;
  app.use(async (context, next) => {
    context.set("access-control-allow-origin", "*");
    await next();
  });
  app.use(onceKoa({ store: memoryStore(), scope: "public", onError: () => undefined }));
  app.use(handle);
  const answer = app.callback();
  return startHttpServer((request, response) => void answer(request, response));
}

test("responses that Koa makes are stored as they are: a status without a body, an uncaught error", async () => {
  const url = await served((context) => {
    const { key } = context.state["once"] as NodeExecution;
    if (key === "error") context.throw(409, "not twice");
    context.status = 201;
  });
  for (const replayed of [false, true]) {
    expect(await posted(url, "k")).toEqual({ status: 201, text: "Created", replayed });
    expect(await posted(url, "error")).toEqual({ status: 409, text: "not twice", replayed });
  }
});

test("a response ended past Koa is the answer, though Koa would answer, too", async () => {
  const url = await served((context) => void context.res.end("past Koa"));
  for (const replayed of [false, true]) expect(await posted(url)).toMatchObject({ text: "past Koa", replayed });
});

test("headers that middleware sets before are in answers, repeats and refusals", async () => {
  const url = await served((context) => void (context.body = { ok: true }));
  for (const key of ["k", "k", ""]) {
    const answer = await post(url, key);
    expect(answer.status).toBe(key === "" ? 400 : 200);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  }
});
