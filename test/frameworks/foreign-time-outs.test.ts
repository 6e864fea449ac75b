import { EventEmitter, once } from "node:events";
import type { ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { type CallHandler, type ExecutionContext, RequestTimeoutException } from "@nestjs/common";
import { fastify, type FastifyRequest } from "fastify";
import Koa from "koa";
import { catchError, type Observable, throwError, timeout, TimeoutError } from "rxjs";
import { describe, expect, onTestFinished, test } from "vitest";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import type { NodeExecution } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { startHttpServer, posted } from "../support/http-server.ts";
import { nestServer } from "./nest-server.ts";
import { effectIn, modes } from "./serving.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

// A time-out that is not ours answers, and the handler is still at work.

/** Fit every adapter, which the test sees to. */
type Rules = never;
type Handler = (execution: NodeExecution<never>) => Promise<string>;

/** The first request has this limit. Its repeats have one that they never come to, at another server with the same rules. */
const limitMs = 50;

/** Where a request has a body, Fastify gives its limit up as soon as that is read. */
const noBody = { body: null };
const withBody = { headers: { "content-type": "application/json" } };

/** Is called when the time is over. */
type Tell = () => void;

/** As Nest's own documentation has it. */
const timeoutInterceptor = (tell: Tell, ms = limitMs) => ({
  intercept: (_context: unknown, next: { handle: () => Observable<unknown> }) =>
    next.handle().pipe(
      timeout(ms),
      catchError((error: unknown) => {
        tell();
        return throwError(() => (error instanceof TimeoutError ? new RequestTimeoutException() : error));
      }),
    ),
});

const race =
  (tell: Tell, ms: number): Koa.Middleware =>
  async (context, next) => {
    const late = new Promise<"late">((resolve) => void setTimeout(resolve, ms, "late"));
    if ((await Promise.race([next(), late])) !== "late") return;
    tell();
    context.throw(504, "out of time");
  };

/** One route with a limit of Fastify's own. */
async function fastifyServer(
  rules: Rules,
  handle: (request: FastifyRequest) => unknown,
  ms = limitMs,
): Promise<string> {
  const app = fastify();
  onTestFinished(() => app.close());
  app.post("/orders", { ...onceFastify(rules), handlerTimeout: ms }, (request) => handle(request));
  return app.listen({ port: 0, host: "127.0.0.1" });
}

type Serve = (rules: Rules, handle: Handler, tell: Tell, ms: number) => Promise<string>;

const servers: [name: string, serve: Serve, sent?: RequestInit][] = [
  [
    "the handlerTimeout of Fastify",
    (rules, handle, tell, ms) =>
      fastifyServer(
        rules,
        (request) => {
          request.signal.addEventListener("abort", tell);
          return handle(request.once);
        },
        ms,
      ),
    noBody,
  ],
  ...(["behind", "in front of"] as const).map((place): (typeof servers)[number] => [
    `a race ${place} onceKoa`,
    (rules, handle, tell, ms) => {
      const once = onceKoa(rules);
      const app = new Koa();
      app.silent = true;
      for (const middleware of place === "behind" ? [once, race(tell, ms)] : [race(tell, ms), once])
        app.use(middleware);
      app.use(async (context) => void (context.body = await handle(context.state["once"])));
      return startHttpServer(app.callback());
    },
  ]),
  ...(["express", "fastify"] as const).flatMap((platform) =>
    (["behind", "in front of"] as const).map((place): (typeof servers)[number] => [
      `a TimeoutInterceptor ${place} onceNest on ${platform}`,
      (rules, handle, tell, ms) => {
        const once = onceNest(rules);
        const interceptors = [once, timeoutInterceptor(tell, ms)];
        return nestServer({
          platform,
          onMethod: place === "behind" ? interceptors : interceptors.toReversed(),
          handle,
        });
      },
    ]),
  ),
];

describe.for(servers)("%s", ([, serve, sent = withBody]) => {
  test.for(modes)("%s: there is one effect, however often the request is repeated", async (mode) => {
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
    const [url, patient] = [
      `${await serve(options as never, handle, late.resolve, limitMs)}/orders`,
      `${await serve(options as never, handle, late.resolve, waitMsMax)}/orders`,
    ];
    expect((await posted(url, "order-7", sent)).status).toBeGreaterThanOrEqual(400);
    await ended.promise;
    const repeats = [await posted(patient, "order-7", sent), await posted(patient, "order-7", sent)];
    expect(repeats[1]).toEqual({ ...repeats[0], replayed: true });
    expect(happened()).toHaveLength(1);
    if (mode !== "transactional, in SQLite") expect([runs, repeats[0]?.replayed]).toEqual([1, true]);
  });
});

describe("the handlerTimeout of Fastify", () => {
  const options = { store: memoryStore(), waitMs: 20_000, scope: "public", onError: () => undefined };

  test.for(["answers", "throws"] as const)("a handler that %s at its signal comes too late", async (how) => {
    const faults: unknown[] = [];
    const note = (fault: unknown): void => void faults.push(fault);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const settle = (request: FastifyRequest): Promise<string> =>
      new Promise((resolve, reject) => {
        const heard = (): void => (how === "answers" ? resolve("late") : reject(new Error("aborted")));
        request.signal.addEventListener("abort", heard);
      });
    const url = `${await fastifyServer(options as never, settle)}/orders`;
    const patient = `${await fastifyServer(options as never, settle, waitMsMax)}/orders`;
    const first = await posted(url, how, noBody);
    expect(first).toMatchObject({ status: 503, text: expect.stringContaining("FST_ERR_HANDLER_TIMEOUT") });
    expect(await posted(patient, how, noBody)).toEqual({ ...first, replayed: true });
    expect(faults).toEqual([]);
  });

  test("a stream that stops in its middle leaves the outcome unknown, and no half of it is stored", async () => {
    const handle = (): PassThrough => {
      const source = new PassThrough();
      source.write("half");
      return source;
    };
    const url = `${await fastifyServer(options as never, handle)}/orders`;
    const patient = `${await fastifyServer(options as never, handle, waitMsMax)}/orders`;
    const first = await posted(url, "stream", noBody);
    expect(first.status).toBe(500);
    expect(first.text).not.toContain("half");
    expect(await posted(patient, "stream", noBody)).toEqual({ ...first, replayed: true });
  });

  test("with a body it gives up: handlerMsMax answers, and a repeat gets what its signal made of the handler", async () => {
    const ended = Promise.withResolvers<string>();
    const wait = ({ once }: FastifyRequest): Promise<string> => {
      once.signal.addEventListener("abort", () => ended.resolve("late"));
      return ended.promise;
    };
    const [ms, rules] = [10 * limitMs, { ...options, limits: { handlerMsMax: 20 * limitMs } }];
    const url = `${await fastifyServer(rules as never, wait, ms)}/orders`;
    expect(await posted(url, "body", withBody)).toMatchObject({ status: 504, replayed: false });
    expect(await posted(url, "body", withBody)).toEqual({ status: 200, text: "late", replayed: true });
  });
});

// Nest waits for a value or an error, each of which it would send as a second response: there is nothing to end a repeat by.
test("a time-out in front of onceNest ends after a repeat, too, when that response was sent", async () => {
  const ends = new EventEmitter();
  const inFront = {
    intercept: (context: ExecutionContext, next: CallHandler) =>
      timeoutInterceptor(
        () => void ends.emit("time-out", context.switchToHttp().getResponse<ServerResponse>().headersSent),
        1000,
      ).intercept(context, next),
  };
  const url = await nestServer({
    onController: [inFront],
    onMethod: [onceNest({ store: memoryStore(), scope: "public", onError: () => undefined })],
    handle: () => "made",
  });
  expect(await posted(`${url}/orders`, "k", withBody)).toEqual({ status: 201, text: "made", replayed: false });
  const ended = once(ends, "time-out");
  expect(await posted(`${url}/orders`, "k", withBody)).toEqual({ status: 201, text: "made", replayed: true });
  expect(await ended).toEqual([true]);
});
