import { RequestTimeoutException } from "@nestjs/common";
import Koa from "koa";
import { catchError, type Observable, throwError, timeout, TimeoutError } from "rxjs";
import { describe, expect, test } from "vitest";
import { onceKoa } from "../../src/frameworks/koa.ts";
import { onceNest } from "../../src/frameworks/nest.ts";
import type { NodeExecution } from "../../src/frameworks/node.ts";
import { listening, posted } from "../listening.ts";
import { nestServer } from "./nest-server.ts";
import { effectIn, modes } from "./serving.ts";

// A time-out that is not ours answers, and the handler is still at work.

/** Fit every adapter, which the test sees to. */
type Rules = never;
type Handler = (execution: NodeExecution<never>) => Promise<string>;

const limitMs = 50;

/** Is called when the time is over. */
type Tell = () => void;

/** As Nest's own documentation has it. */
const timeoutInterceptor = (tell: Tell) => ({
  intercept: (_context: unknown, next: { handle: () => Observable<unknown> }) =>
    next.handle().pipe(
      timeout(limitMs),
      catchError((error: unknown) => {
        tell();
        return throwError(() => (error instanceof TimeoutError ? new RequestTimeoutException() : error));
      }),
    ),
});

const race =
  (tell: Tell): Koa.Middleware =>
  async (context, next) => {
    const late = new Promise<"late">((resolve) => void setTimeout(resolve, limitMs, "late"));
    if ((await Promise.race([next(), late])) !== "late") return;
    tell();
    context.throw(504, "out of time");
  };

const servers: [name: string, serve: (rules: Rules, handle: Handler, tell: Tell) => Promise<string>][] = [
  ...(["behind", "in front of"] as const).map((place): (typeof servers)[number] => [
    `a race ${place} onceKoa`,
    (rules, handle, tell) => {
      const once = onceKoa(rules);
      const app = new Koa();
      app.silent = true;
      for (const middleware of place === "behind" ? [once, race(tell)] : [race(tell), once]) app.use(middleware);
      app.use(async (context) => void (context.body = await handle(context.state["once"])));
      return listening(app.callback());
    },
  ]),
  ...(["express", "fastify"] as const).flatMap((platform) =>
    (["behind", "in front of"] as const).map((place): (typeof servers)[number] => [
      `a TimeoutInterceptor ${place} onceNest on ${platform}`,
      (rules, handle, tell) => {
        const once = onceNest(rules);
        const interceptors = [once, timeoutInterceptor(tell)];
        return nestServer({
          platform,
          onMethod: place === "behind" ? interceptors : interceptors.toReversed(),
          handle,
        });
      },
    ]),
  ),
];

describe.for(servers)("%s", ([, serve]) => {
  test.for(modes)("%s: there is one effect, whoever asks again", async (mode) => {
    const { rules, happen, happened } = effectIn(mode);
    const [late, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let runs = 0;
    const handle: Handler = async (execution) => {
      runs += 1;
      if (runs > 1) {
        happen({ execution, body: "" }, "again");
        return "again";
      }
      await late.promise;
      try {
        happen({ execution, body: "" }, "first");
        return "first";
      } finally {
        ended.resolve();
      }
    };
    const options = { waitMs: 20_000, scope: "public", onError: () => undefined, ...rules };
    const url = `${await serve(options as never, handle, late.resolve)}/orders`;
    const json = { headers: { "content-type": "application/json" } };
    expect((await posted(url, "order-7", json)).status).toBeGreaterThanOrEqual(400);
    await ended.promise;
    const repeats = [await posted(url, "order-7", json), await posted(url, "order-7", json)];
    expect(repeats[1]).toEqual({ ...repeats[0], replayed: true });
    expect(happened()).toHaveLength(1);
    if (mode !== "transactional, in SQLite") expect([runs, repeats[0]?.replayed]).toEqual([1, true]);
  });
});
