import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import process from "node:process";
import { getRequestListener } from "@hono/node-server";
import express, { type ErrorRequestHandler } from "express";
import { fastify } from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { onceHono } from "../../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { exchange } from "./exchange.ts";
import { listening } from "./raw-servers.ts";

// Each adapter where another framework calls it, as JavaScript without types allows: the caller gets an error, it says what to do,
// and it is a listener's of `onError` or the framework's. A throw or a rejection that none catches would end the process.

type Called = (...args: never[]) => unknown;
type Make = (options: never) => Called;

const adapters: Readonly<Record<string, Make>> = {
  onceNode: (options) => onceNode(options, (_request, response) => void response.end("made")),
  onceExpress: (options) => onceExpress(options),
  onceKoa: (options) => onceKoa(options),
  onceHono: (options) => onceHono(options),
  onceWeb: (options) => onceWeb(options, () => new Response("made")),
  onceFastify: (options) => onceFastify(options).preHandler,
  onceNest: (options) => {
    const nest = onceNest(options);
    return (...args) => nest.intercept(...(args as unknown as Parameters<typeof nest.intercept>));
  },
};

type Report = (error: Error) => void;

/** Servers that call a function as a handler, or as middleware of theirs. @param report takes what reaches their own handler of errors. */
const hosts: Readonly<Record<string, (called: never, report: Report) => Server | Promise<Server>>> = {
  node: (called) => createServer(called as RequestListener),
  polka: (called, report) =>
    createServer((request, response) => {
      const next = (error: Error): void => {
        report(error);
        response.writeHead(500).end();
      };
      (called as (...args: [IncomingMessage, ServerResponse, Report]) => unknown)(request, response, next);
    }),
  express: (called, report) => {
    const onError: ErrorRequestHandler = (error: Error, _request, response, _next) => {
      report(error);
      response.status(500).end();
    };
    return createServer(express().use(called, onError) as never);
  },
  koa: (called, report) => createServer(new Koa().use(called).on("error", report).callback()),
  fastify: async (called, report) => {
    const app = fastify();
    app.setErrorHandler((error: Error, _request, reply) => {
      report(error);
      return reply.code(500).send();
    });
    app.post("/", called);
    await app.ready();
    return createServer((request, response) => app.routing(request, response));
  },
  hono: (called, report) => {
    const app = new Hono().use(called);
    app.onError((error, context) => {
      report(error);
      return context.text("", 500);
    });
    return createServer(getRequestListener(app.fetch));
  },
};

/** onceNode is for each of them that hands on Node's request and response. */
const isRight = (host: string, adapter: string): boolean =>
  host === adapter.slice("once".length).toLowerCase() ||
  (adapter === "onceNode" && (host === "polka" || host === "express"));

const cases = Object.keys(hosts).flatMap((host) =>
  Object.keys(adapters)
    .filter((adapter) => !isRight(host, adapter) || adapter === "onceFastify")
    .map((adapter) => ({ host, adapter })),
);

const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);
beforeAll(() => {
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
});
afterAll(() => {
  process.off("unhandledRejection", note);
  process.off("uncaughtException", note);
});

test.for(cases)("$adapter on $host gets its error, and no process ends", async ({ host, adapter }) => {
  const reported: Error[] = [];
  const report: Report = (error) => void reported.push(error);
  const heard: Error[] = [];
  const onError: Report = (error) => void heard.push(error);
  const options = { store: memoryStore(), scope: "public", onError };
  const server = await hosts[host]!(adapters[adapter]!(options as never) as never, report);
  const url = await listening(server);
  const response = await exchange(url.slice(0, -1), { path: "/" });
  expect(response.status).toBe(500);
  // Node's server has no handler of errors.
  const [errors, none] = host === "node" ? [heard, reported] : [reported, heard];
  expect(none).toEqual([]);
  expect(errors).toEqual([expect.objectContaining({ code: "ONCE_OPTION_INVALID" })]);
  expect(errors[0]!.message).toMatch(
    new RegExp(`^${adapter} was called with.* (?:docs/guides/frameworks\\.md|onceNode)`, "s"),
  );
  expect(uncaught).toEqual([]);
});
