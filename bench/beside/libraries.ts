import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { CachePersistenceLayer } from "@aws-lambda-powertools/idempotency/cache";
import type { IdempotencyConfigOptions } from "@aws-lambda-powertools/idempotency/types";
import { Idempotency } from "@node-idempotency/core";
import { RedisStorageAdapter } from "@node-idempotency/storage-adapter-redis";
import express, { type Express, type RequestHandler } from "express";
import { getSharedIdempotencyService, idempotency } from "express-idempotency";
import redisAdapter from "express-idempotency-redis-adapter";
import { onceExpress } from "once-again/express";
import { redisStore } from "once-again/stores/redis";
import { createClient } from "redis";

/** An order, as it is sent. */
export interface Order {
  readonly item: string;
  /** How its handler ends; default: it succeeds. */
  readonly ending?: "throws" | "dies";
}

/** The handler: it has its effect, and then returns, throws or ends its process. */
export type PlaceOrder = (order: Order) => Promise<string>;

/** Makes a server that guards POST /orders with a library and stores the keys in Redis. */
type MakeServer = (url: string, placeOrder: PlaceOrder) => Promise<Express>;

/** A row of the table. */
export interface Library {
  readonly package: string;
  /** The option that this row adds to the library's defaults. */
  readonly option?: string | undefined;
  readonly makeServer: MakeServer;
}

/** How long the key of a dead process stays claimed, milliseconds. Only some libraries have a time for that. */
export const leaseMs = 2000;

/** Without a key a library gets none, and not a text that stands for it. */
const keyOf = (headers: Readonly<Record<string, unknown>>): string | undefined =>
  typeof headers["idempotency-key"] === "string" ? headers["idempotency-key"] : undefined;

/** The status that a user would choose for an error of a library that only throws. */
const statuses: Readonly<Record<string, number>> = {
  REQUEST_IN_PROGRESS: 409,
  IdempotencyAlreadyInProgressError: 409,
  IDEMPOTENCY_FINGERPRINT_MISSMATCH: 422,
  IdempotencyValidationError: 422,
  IDEMPOTENCY_KEY_LEN_EXEEDED: 400,
  IdempotencyKeyError: 400,
};

/**
 * Sends the status that the library has set. A library that only throws leaves the status to its user, so the name
 * of its error is sent, too. The handler's own error has no name.
 */
const nameErrors: express.ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error);
  const { code, name, status } = error as { code?: string; name: string; status?: number };
  const named = code ?? (name === "Error" ? undefined : name);
  if (response.statusCode === 200) response.status(statuses[named ?? ""] ?? status ?? 500);
  response.json({ error: named });
};

function serve(handler: RequestHandler, ...before: readonly RequestHandler[]): Express {
  const app = express();
  app.post("/orders", ...before, express.json(), handler);
  app.use(nameErrors);
  return app;
}

/** A route around a function that returns the body. */
const route =
  (guarded: (request: express.Request) => Promise<string>): RequestHandler =>
  async (request, response) => {
    const text = await guarded(request);
    response.status(201).type("json").send(text);
  };

const serveOnceAgain: MakeServer = async (url, placeOrder) => {
  const store = redisStore(await createClient({ url }).connect());
  return serve(
    route(({ body }) => placeOrder(body as Order)),
    onceExpress({ store, scope: "public", leaseMs }) as RequestHandler,
  );
};

const serveNodeIdempotency: MakeServer = async (url, placeOrder) => {
  const storage = new RedisStorageAdapter({ url });
  await storage.connect();
  const core = new Idempotency(storage);
  return serve(
    route(async ({ headers, body }) => {
      const request = { headers, body: body as Record<string, unknown>, path: "/orders", method: "POST" };
      const known = await core.onRequest(request);
      if (known?.error !== undefined) throw new Error(known.error as string);
      if (known !== undefined) return known.body as string;
      try {
        const text = await placeOrder(body as Order);
        await core.onResponse(request, { body: text });
        return text;
      } catch (error) {
        // Its documentation passes a failure of the handler to `onResponse`, too.
        await core.onResponse(request, { error: (error as Error).message });
        throw error;
      }
    }),
  );
};

const serveExpressIdempotency: MakeServer = async (url, placeOrder) => {
  const dataAdapter = new redisAdapter.default({ connectionConfig: { url } });
  await dataAdapter.connect();
  const app = express();
  const handler = async (request: express.Request, response: express.Response): Promise<void> => {
    const service = getSharedIdempotencyService();
    if (service.isHit(request as never)) return;
    try {
      const text = await placeOrder(request.body as Order);
      response.status(201).type("json").send(text);
    } catch (error) {
      await service.reportError(request as never);
      throw error;
    }
  };
  // Its package names the types of Express 4, and they do not fit those of Express 5 and of its adapter.
  app.post("/orders", express.json(), idempotency({ dataAdapter: dataAdapter as never }) as never, handler);
  app.use(nameErrors);
  return app;
};

const servePowertools =
  (options: IdempotencyConfigOptions): MakeServer =>
  async (url, placeOrder) => {
    const persistenceStore = new CachePersistenceLayer({ client: await createClient({ url }).connect() });
    const config = new IdempotencyConfig({ eventKeyJmesPath: "key", ...options });
    // Outside Lambda there is no context, and the library takes its lease from it.
    config.registerLambdaContext({ getRemainingTimeInMillis: () => leaseMs } as Parameters<
      IdempotencyConfig["registerLambdaContext"]
    >[0]);
    const once = makeIdempotent(async ({ body }: { key: string | undefined; body: Order }) => placeOrder(body), {
      persistenceStore,
      config,
    });
    return serve(route(({ headers, body }) => once({ key: keyOf(headers), body: body as Order })));
  };

/** The libraries under test, each as its documentation has it. */
export const libraries = {
  onceAgain: { package: "once-again", makeServer: serveOnceAgain },
  nodeIdempotency: { package: "@node-idempotency/core", makeServer: serveNodeIdempotency },
  expressIdempotency: { package: "express-idempotency", makeServer: serveExpressIdempotency },
  powertools: { package: "@aws-lambda-powertools/idempotency", makeServer: servePowertools({}) },
  powertoolsValidating: {
    package: "@aws-lambda-powertools/idempotency",
    option: "payloadValidationJmesPath",
    makeServer: servePowertools({ payloadValidationJmesPath: "body" }),
  },
} satisfies Record<string, Library>;

export type LibraryName = keyof typeof libraries;
