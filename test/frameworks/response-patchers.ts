import type { IncomingMessage, ServerResponse } from "node:http";
import { createBrotliCompress } from "node:zlib";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import compression from "compression";
import cookieSession from "cookie-session";
import session from "express-session";
import helmet from "helmet";
import morgan from "morgan";
import responseTime from "response-time";

// Middleware that changes the methods of a response. Packages that are not among our dependencies are here as a few lines in
// their manner: which methods they replace, and when they call those of Node.

export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

const asMiddleware = (middleware: unknown): Middleware => middleware as Middleware;

const bytesOf = (chunk: unknown, encoding: unknown): Buffer =>
  typeof chunk === "string"
    ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
    : chunk instanceof Uint8Array
      ? Buffer.from(chunk)
      : Buffer.alloc(0);

const callbackIn = (args: unknown[]): (() => void) | undefined =>
  args.find((argument) => typeof argument === "function") as (() => void) | undefined;

/** Replaces methods of a response: each is made of the one that was there. */
function replace(response: ServerResponse, made: Record<string, (own: Call) => Call>): void {
  for (const [name, make] of Object.entries(made)) {
    const own = Reflect.get(response, name) as Call;
    Reflect.set(response, name, make(own.bind(response)));
  }
}

type Call = (...args: unknown[]) => unknown;

/** Compresses every response, and takes all that listens to its "drain", as `shrink-ray` and `compression` do. */
const brotliForAll: Middleware = (_request, response, next) => {
  const stream = createBrotliCompress();
  const methods = { write: response.write.bind(response) as Call, end: response.end.bind(response) as Call };
  let hasBegun = false;
  const begin = (): void => {
    if (hasBegun) return;
    hasBegun = true;
    response.setHeader("content-encoding", "br");
    response.removeHeader("content-length");
  };
  stream.on("data", (chunk) => methods.write(chunk) || stream.pause());
  stream.on("end", () => methods.end());
  const on = response.on.bind(response) as Call;
  on("drain", () => stream.resume());
  for (const name of ["on", "once", "addListener", "prependListener"]) {
    replace(response, {
      [name]: (own) => (event, listener) =>
        event === "drain" ? stream.on(event, listener as never) : own(event, listener),
    });
  }
  replace(response, {
    writeHead:
      (own) =>
      (...args) => (begin(), own(...args)),
    write: () => (chunk, encoding) => (
      response.headersSent || response.writeHead(response.statusCode),
      stream.write(bytesOf(chunk, encoding))
    ),
    end:
      () =>
      (...args) => {
        if (!response.headersSent) response.writeHead(response.statusCode);
        stream.end(bytesOf(args[0], args[1]), callbackIn(args));
        return response;
      },
  });
  Object.assign(response, { flush: () => stream.flush() });
  next();
};

/** Changes all text that passes, as `express-mung` and injectors of scripts do. */
const upperCase: Middleware = (_request, response, next) => {
  const change = (chunk: unknown, encoding: unknown): unknown =>
    chunk === undefined || typeof chunk === "function"
      ? chunk
      : bytesOf(chunk, encoding).toString("latin1").toUpperCase();
  replace(response, {
    write:
      (own) =>
      (chunk, encoding, ...rest) =>
        own(change(chunk, encoding), "latin1", ...rest),
    end:
      (own) =>
      (...args) =>
        args.length === 0 ? own() : own(change(args[0], args[1]), "latin1", callbackIn(args)),
  });
  next();
};

/** Holds the body back, and sends it in one piece, as caches and minifiers do. */
const wholeBody: Middleware = (_request, response, next) => {
  const chunks: Buffer[] = [];
  replace(response, {
    write: () => (chunk, encoding) => (chunks.push(bytesOf(chunk, encoding)), true),
    end:
      (own) =>
      (...args) => {
        chunks.push(bytesOf(args[0], args[1]));
        const body = Buffer.concat(chunks);
        // Over HTTP/2, `end` of Node calls it.
        Reflect.deleteProperty(response, "write");
        return own(body, callbackIn(args));
      },
  });
  next();
};

/** Adds a text, for which it takes away the length, as servers in development add a script. */
const addedText: Middleware = (_request, response, next) => {
  const withoutLength = (): void => {
    if (!response.headersSent) response.removeHeader("content-length");
  };
  replace(response, {
    write:
      (own) =>
      (...args) => (withoutLength(), own(...args)),
    end:
      (own) =>
      (...args) => {
        withoutLength();
        if (args.length > 0 && typeof args[0] !== "function") response.write(bytesOf(args[0], args[1]));
        return own("added", callbackIn(args));
      },
  });
  next();
};

/** Changes the value of each header that is set. To change it twice shows. */
const changedValues: Middleware = (_request, response, next) => {
  replace(response, {
    setHeader: (own) => (name, value) => own(name, String(name).startsWith("x-") ? `${String(value)}!` : value),
  });
  next();
};

/** Wraps every method by which headers are set and read. */
const wrappedHeaders: Middleware = (_request, response, next) => {
  const names = ["setHeader", "getHeader", "getHeaders", "getHeaderNames", "hasHeader", "removeHeader", "appendHeader"];
  const pass =
    (own: Call): Call =>
    (...args) =>
      own(...args);
  replace(response, Object.fromEntries(names.map((name) => [name, pass])));
  next();
};

/** Ends a response when its own report is out, as a reporter of errors does on a platform that freezes its processes. */
const lateEnd: Middleware = (_request, response, next) => {
  replace(response, {
    end:
      (own) =>
      (...args) => (setImmediate(() => own(...args)), response),
  });
  next();
};

/** Wraps all that an agent of a tracing service wraps, and adds a header when the head is written. */
const tracingAgent: Middleware = (_request, response, next) => {
  const pass =
    (own: Call): Call =>
    (...args) =>
      own(...args);
  replace(response, {
    ...{ write: pass, end: pass, emit: pass, on: pass, once: pass, addListener: pass, setHeader: pass },
    writeHead:
      (own) =>
      (...args) => (response.setHeader("x-trace", "on"), own(...args)),
  });
  response.once("finish", () => undefined).once("close", () => undefined);
  next();
};

/** As OpenTelemetry's instrumentation of HTTP: what listens to a response runs in the context of its request. */
const openTelemetry: Middleware = (request, response, next) => {
  const manager = new AsyncLocalStorageContextManager().enable();
  manager.bind(ROOT_CONTEXT, request);
  manager.bind(ROOT_CONTEXT, response);
  manager.with(ROOT_CONTEXT, next);
};

/** Sets a header when the head is written: its own, and over what the handler set. */
const headerWithHead: Middleware = (_request, response, next) => {
  replace(response, {
    writeHead:
      (own) =>
      (status, ...rest) => {
        response.setHeader("x-status", String(status));
        return own(status, ...rest);
      },
  });
  next();
};

const silent = { stream: { write: () => undefined } };
const secret = { secret: "secret", secrets: ["secret"] };

export const patchers: Readonly<Record<string, Middleware>> = {
  compression: asMiddleware(compression()),
  "compression of all": asMiddleware(compression({ threshold: 0 })),
  "express-session": asMiddleware(session({ ...secret, resave: false, saveUninitialized: true })),
  "cookie-session": (request, response, next) =>
    asMiddleware(cookieSession({ keys: secret.secrets }))(request, response, () => {
      Object.assign((request as unknown as { session: object }).session, { visits: 1 });
      next();
    }),
  morgan: asMiddleware(morgan("combined", silent)),
  "response-time": asMiddleware(responseTime()),
  helmet: asMiddleware(helmet()),
  "Brotli for all": brotliForAll,
  "upper case": upperCase,
  "whole body": wholeBody,
  "late end": lateEnd,
  "added text": addedText,
  "changed values": changedValues,
  "wrapped headers": wrappedHeaders,
  "tracing agent": tracingAgent,
  OpenTelemetry: openTelemetry,
  "header with the head": headerWithHead,
};
