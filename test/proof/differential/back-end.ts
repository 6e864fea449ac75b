import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { type Plan, planOf } from "./plan.ts";

/** A request as the back end saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

/** A back end that does what the plan of each request says. */
export interface BackEnd extends AsyncDisposable {
  readonly url: URL;
  /** Returns the request that it saw under the name of its sender, and forgets it. */
  take(name: string): SeenRequest | undefined;
}

export async function startBackEnd(seed: number | string): Promise<BackEnd> {
  const seen = new Map<string, SeenRequest>();
  const see = async (request: IncomingMessage, body: string): Promise<void> => {
    const { method = "", url = "", rawHeaders, rawTrailers } = request;
    seen.set(nameOf(request), { method, target: url, headers: rawHeaders, body, trailers: rawTrailers });
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const plan = planOf(seed, Number(nameOf(request).split("-")[1]));
    if (plan.answer.early) {
      void see(request, "");
      await answer(plan, request, response);
      return void request.resume();
    }
    if (plan.expects) response.writeContinue();
    void see(request, hash(await buffer(request)));
    await answer(plan, request, response);
  };
  const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => void serve(request, response));
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => void serve(request, response));
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    void see(request, "");
    upgrade(planOf(seed, Number(nameOf(request).split("-")[1])), socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    take(name) {
      const found = seen.get(name);
      seen.delete(name);
      return found;
    },
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}

/** The name that a request was given, beside its way: `direct-7`, `gateway-7`. */
function nameOf({ headers }: IncomingMessage): string {
  return String(headers["x-request"]);
}

async function answer(
  { answer: plan, method }: Plan,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  for (const status of plan.interim) {
    if (status === 102) response.writeProcessing();
    else response.writeEarlyHints({ link: "</a.css>; rel=preload", "x-hint": "1" });
  }
  response.sendDate = false;
  const whole = Buffer.from(plan.parts.join(""));
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const ranged = range === null ? whole : whole.subarray(Number(range[1]), range[2] ? Number(range[2]) + 1 : undefined);
  const body = plan.compressed ? gzipSync(ranged) : ranged;
  const headers = [...plan.headers, "Date", "Thu, 01 Jan 1970 00:00:00 GMT"];
  if (range !== null) headers.push("Content-Range", `bytes ${range[1]}-${range[2]}/${whole.length}`);
  if (plan.compressed) headers.push("Content-Encoding", "gzip");
  const isBodiless = plan.status === 204 || plan.status === 304;
  if (plan.framing === "length" && !isBodiless) headers.push("Content-Length", String(body.length));
  if (plan.framing === "close") {
    response.shouldKeepAlive = false;
    response.useChunkedEncodingByDefault = false;
    headers.push("Connection", "close");
  }
  const hasBody = !isBodiless && method !== "HEAD";
  if (hasBody && plan.trailers.length > 0) headers.push("Trailer", "X-Sum");
  response.writeHead(plan.status, plan.reason, headers);
  if (hasBody) {
    for (let at = 0; at < body.length; at += 40_000) {
      if (!response.write(body.subarray(at, at + 40_000))) await once(response, "drain");
    }
    if (plan.trailers.length > 0) response.addTrailers(plan.trailers);
  }
  response.end();
}

/** Becomes an echo, or refuses to. */
function upgrade({ answer: { agrees, reason } }: Plan, socket: Socket): void {
  socket.on("error", () => undefined);
  if (!agrees)
    return void socket.end(`HTTP/1.1 426 ${reason}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno`, "latin1");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Own: 1\r\n\r\n");
  socket.pipe(socket);
}

export function hash(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
