import { once as onceEvent } from "node:events";
import { createReadStream, existsSync, writeFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  request as requestOf,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { bodyLine, bodyOf, bodySizes, chunksOf, decoded, headOf } from "./bodies.ts";
import { coverPairs, everyRow, type Row } from "./cover-pairs.ts";
import { exchange, exchangeHttp2, type Received } from "./exchange.ts";
import { rawFrameworks, type RawHandler } from "./raw-servers.ts";
import { type Middleware, patchers } from "./response-patchers.ts";
import { folderOfSuite } from "../support/temporary-folder.ts";

// A handler answers in every way, with middleware around it that changes the methods of its response: its first response is that
// of the same server without once-again, and the repeat is the first one. All rows: patched-responses-all.test.ts. The ways of
// frameworks to send a body: framework-bodies.test.ts.
//
// The table does not hold packages that are no packages of this repository: the methods that shrink-ray, express-mung, Sentry and
// Datadog replace are replaced here by a few lines of ours.

const typeHeader = { "content-type": "text/plain; charset=utf-8" };

/** Writes all, and waits for "drain" as the documentation of Node has it. */
async function writeAll(response: ServerResponse, body: Buffer): Promise<void> {
  for (const chunk of chunksOf(body)) if (!response.write(chunk)) await onceEvent(response, "drain");
}

const ways: Readonly<Record<string, (response: ServerResponse, body: Buffer) => unknown>> = {
  "end with text": (response, body) => response.end(body.toString()),
  "end with its length": (response, body) => {
    response.setHeader("content-length", body.length);
    response.end(body);
  },
  writes: async (response, body) => {
    await writeAll(response, body);
    response.end();
  },
  "corked writes": async (response, body) => {
    response.cork();
    const written = writeAll(response, body);
    response.uncork();
    await written;
    response.end();
  },
  pipe: (response, body) => void Readable.from(chunksOf(body)).pipe(response),
  pipeline: (response, body) => pipeline(Readable.from(chunksOf(body)), response),
  "writeHead with a list": (response, body) => {
    response.writeHead(200, Object.entries(typeHeader).flat() as never);
    response.end(body);
  },
  "a file": async (response, body) => {
    const path = fileOf(body);
    if (isOfExpress(response)) return response.sendFile(path);
    response.setHeader("content-length", body.length);
    // No pipeline: a caller that has all bytes may leave before the file has ended.
    return createReadStream(path).pipe(response);
  },
  "a download": async (response, body) => {
    const path = fileOf(body);
    if (isOfExpress(response)) return response.download(path, "für Ö.txt");
    response.setHeader("content-disposition", 'attachment; filename="für Ö.txt"');
    return pipeline(createReadStream(path), response);
  },
  "a proxy": async (response, body) => {
    const upstream = createServer((_incoming, outgoing) => outgoing.writeHead(200, typeHeader).end(body));
    const outgoing = requestOf({ port: await listen(upstream), host: "127.0.0.1", agent: false });
    const [incoming] = (await onceEvent(outgoing.end(), "response")) as [IncomingMessage];
    for (const [name, value] of Object.entries(incoming.headers)) {
      if (!["connection", "keep-alive", "transfer-encoding"].includes(name)) response.setHeader(name, value!);
    }
    await pipeline(incoming, response);
  },
};

/** Express' own responses send files by `send`, as its tutorials have it. */
function isOfExpress(response: ServerResponse): response is ServerResponse & {
  sendFile: (path: string) => void;
  download: (path: string, name: string) => void;
} {
  return "sendFile" in response;
}

const folder = folderOfSuite();

/** The same file for the same body: Express sends the time at which it was written. */
function fileOf(body: Buffer): string {
  const path = join(folder(), `${body.length}.txt`);
  if (!existsSync(path)) writeFileSync(path, body);
  return path;
}

const overHttp2 = " over HTTP/2";

const columns = {
  patcher: Object.keys(patchers).flatMap((name) => [`${name} in front`, `${name} behind`]),
  framework: rawFrameworks.flatMap(({ name, hasHttp2 }) => (hasHttp2 ? [name, name + overHttp2] : [name])),
  size: bodySizes,
  way: Object.keys(ways),
} as const;

async function listen(server: Server & { closeAllConnections?(): void }): Promise<number> {
  server.listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections?.();
    server.close();
  });
  await onceEvent(server, "listening");
  return (server.address() as AddressInfo).port;
}

const withPatcher =
  (patcher: Middleware, listener: RequestListener): RequestListener =>
  (request, response) => {
    // Behind us, these may be removed.
    response.setHeader("x-powered-by", "middleware in front");
    response.setHeader("x-in-front", "1");
    patcher(request, response, () => listener(request, response));
  };

const behindPatcher =
  (patcher: Middleware, handler: RawHandler): RawHandler =>
  (request, response) =>
    new Promise((resolve, reject) => {
      patcher(request, response, () => void Promise.resolve(handler(request, response)).then(resolve, reject));
    });

const alone: Middleware = (_request, _response, next) => next();
const encodings = { "accept-encoding": "gzip, br" };

/** Has one row of the table answer, twice where `rules` are given. */
async function answers(row: Row<typeof columns>, isOnce: boolean): Promise<Received[]> {
  const [, name, place] = /^(.*) (in front|behind)$/.exec(row.patcher)!;
  const [front, behind] = place === "behind" ? [alone, patchers[name!]!] : [patchers[name!]!, alone];
  const body = bodyOf(row.size);
  const handler: RawHandler = async (_request, response) => {
    response.setHeader("content-type", typeHeader["content-type"]);
    response.setHeader("x-name", "für Ö");
    await ways[row.way]!(response, body);
  };
  const isHttp2 = row.framework.endsWith(overHttp2);
  const framework = rawFrameworks.find(({ name }) => row.framework === (isHttp2 ? name + overHttp2 : name))!;
  const rules = isOnce ? { limits: { resultBytesMax: 4_194_304, handlerMsMax: 60_000 } } : undefined;
  const listener = withPatcher(front, await framework.listen(behindPatcher(behind, handler), rules, isHttp2));
  const server = isHttp2 ? createHttp2Server(listener as never) : createServer(listener);
  const url = `http://127.0.0.1:${await listen(server)}`;
  const send = (): Promise<Received> => (isHttp2 ? exchangeHttp2 : exchange)(url, { path: "/", headers: encodings });
  return isOnce ? [await send(), await send()] : [await send()];
}

/** express-session calls a method that Node's responses of HTTP/2 lack, and throws. */
const isPossible = ({ patcher, framework }: Row<typeof columns>): boolean =>
  !(patcher.startsWith("express-session") && framework.endsWith(overHttp2));

const all = everyRow(columns, isPossible);
const rows = process.env["ONCE_AGAIN_PATCHED"] === "all" ? all : coverPairs(all);

describe(`${rows.length} of ${all.length} rows: methods of a response are changed by`, () => {
  test.for(rows)("$patcher is repeated byte for byte, on $framework; $size, by $way", async (row) => {
    const [[plain], [first, repeat]] = [await answers(row, false), await answers(row, true)];
    // Its value is a duration.
    for (const { headers } of [plain!, first!, repeat!])
      if ("x-response-time" in headers) headers["x-response-time"] = "1";
    expect([first!.replayed, repeat!.replayed]).toEqual([false, true]);
    expect(repeat!.body.equals(first!.body)).toBe(true);
    expect(headOf(repeat!)).toEqual(headOf(first!));
    // Middleware in front decides in which encoding Node writes the head of a response without us.
    const without = row.patcher.endsWith("behind") ? [] : ["x-name", "content-disposition"];
    expect(headOf(first!, without)).toEqual(headOf(plain!, without));
    expect(decoded(first!).equals(decoded(plain!))).toBe(true);
  });
});

test.for(rawFrameworks)(
  "on $name, compression in front takes a list of pairs beside headers that are set",
  async (framework) => {
    const handler: RawHandler = (_request, response) =>
      void response.writeHead(200, Object.entries(typeHeader) as never).end(bodyLine.repeat(100));
    const listener = withPatcher(patchers["compression"]!, await framework.listen(handler, {}));
    const url = `http://127.0.0.1:${await listen(createServer(listener))}`;
    for (const replayed of [false, true]) {
      const response = await exchange(url, { path: "/", headers: encodings });
      expect(response).toMatchObject({ status: 200, replayed, headers: { vary: "Accept-Encoding" } });
      expect(decoded(response).toString()).toBe(bodyLine.repeat(100));
    }
  },
);

test("on Koa, compression in front finds no length of a small response in pieces, neither at its repeat", async () => {
  const row = { patcher: "compression in front", framework: "koa", size: "1 byte", way: "writes" };
  const [first, repeat] = await answers(row, true);
  expect(first!.headers["content-encoding"]).toBe("br");
  expect(repeat!.headers).toMatchObject({ "idempotent-replayed": "true", "content-encoding": "br" });
});

test.for(rawFrameworks)(
  "on $name, middleware in front may add to a body for which no length was declared",
  async (framework) => {
    const handler: RawHandler = (_request, response) => void response.end(bodyLine);
    const add: Middleware = (_request, response, next) => {
      const end = response.end.bind(response);
      response.end = ((body: string) => (response.write(body), end("added"))) as never;
      next();
    };
    for (const isHttp2 of framework.hasHttp2 ? [false, true] : [false]) {
      const listener = withPatcher(add, await framework.listen(handler, {}, isHttp2));
      const server = isHttp2 ? createHttp2Server(listener as never) : createServer(listener);
      const url = `http://127.0.0.1:${await listen(server)}`;
      for (const replayed of [false, true]) {
        const response = await (isHttp2 ? exchangeHttp2 : exchange)(url, { path: "/" });
        expect(response).toMatchObject({ status: 200, replayed, text: `${bodyLine}added` });
      }
    }
  },
);

describe.for(rawFrameworks)("on $name, a header beyond ASCII has the same bytes in a repeat", (framework) => {
  const disposition = 'attachment; filename="für Ö.txt"';
  test.for(["end with text", "end with its length", "writes", "pipe"])("by %s", async (way) => {
    const handler: RawHandler = async (_request, response) => {
      response.setHeader("content-disposition", disposition).setHeader("x-name", disposition);
      await ways[way]!(response, Buffer.from(bodyLine));
    };
    const answersOf = async (rules: object | undefined): Promise<Received[]> => {
      const url = `http://127.0.0.1:${await listen(createServer(await framework.listen(handler, rules as never)))}`;
      return [await exchange(url, { path: "/" }), await exchange(url, { path: "/" })];
    };
    const [[plain], [first, repeat]] = [await answersOf(undefined), await answersOf({})];
    expect(repeat!.replayed).toBe(true);
    expect(headOf(first!)).toEqual(headOf(plain!));
    expect(headOf(repeat!)).toEqual(headOf(first!));
  });
});
