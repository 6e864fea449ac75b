import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { seededRandom } from "../../../packages/once-again/src/core/random.ts";
import { picker } from "./picker.ts";
import { isRequestId } from "./random-connection.ts";

/** Responses that a gateway has to survive. */
const hostileResponses: readonly string[] = [
  "HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
  "HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n",
  "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n",
  "HTTP/1.1 103 E\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
  `${"HTTP/1.1 103 E\r\nLink: a\r\n\r\n".repeat(500)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
  "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nzz",
  "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\u0081\u0002hi",
  "HTTP/1.1 200 OK\r\n\r\nuntil close",
  "garbage",
  "SSH-2.0-OpenSSH_9.2\r\n",
  "HTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n",
  `HTTP/1.1 200 OK\r\nContent-Length: 2500000\r\n\r\n${"z".repeat(2_500_000)}`,
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nz\r\n".repeat(5000)}0\r\n\r\n`,
  "HTTP/1.1 200 OK\r\nTrailer: q\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nq: \u00e9\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nq: \u0001\r\nbad name: 1\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTrailer: q\r\nContent-Length: 2\r\n\r\nok",
  "HTTP/1.1 200 C\u0001\u00e9\r\nContent-Length: 2\r\n\r\nok",
  "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno",
  "HTTP/1.1 999 O\r\nX: a\u0001b\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 199 O\r\n\r\n",
  "HTTP/1.1 200 OK\r\nX: \u00c3\u00a9\u00ff\r\nX\u00e9: 1\r\nContent-Length: 2\r\n\r\nok",
  `HTTP/1.1 200 OK\r\nX: ${"x".repeat(60_000)}\r\n\r\n`,
  `HTTP/1.1 200 OK\r\nConnection: a${" ".repeat(15_000)}b\r\nContent-Length: 0\r\n\r\n`,
  "HTTP/1.1 200",
  "",
];

/** A service behind the gateway that answers half of the requests as it should, and the others in every other way. */
export interface HostileService extends AsyncDisposable {
  readonly url: string;
  /** Whether a request was answered as it should be. */
  wasAnswered(id: string): boolean;
  /** Requests that arrived more than once, by their `x-request` header. */
  readonly arrivedTwice: readonly string[];
  /** Operations that had more than one effect, by account and key. */
  readonly hadTwoEffects: readonly string[];
}

/** @param seed which of its responses a request gets. */
export async function startHostileService(seed: number): Promise<HostileService> {
  const arrivals = new Map<string, number>();
  const effects = new Map<string, number>();
  const answered = new Set<string>();
  const [arrivedTwice, hadTwoEffects]: string[][] = [[], []];
  const arrive = ({ headers, method }: IncomingMessage): string => {
    const named = String(headers["x-request"] ?? "");
    const id = isRequestId(named) ? named : "";
    if (id !== "") count(arrivals, id, arrivedTwice!);
    const key = headers["idempotency-key"];
    if (key !== undefined && (method === "POST" || method === "PATCH")) {
      count(effects, `${String(headers["x-account"])} ${String(key)}`, hadTwoEffects!);
    }
    return id;
  };
  const answerBadly = (socket: Socket, id: string): void => {
    const random = seededRandom(`${seed} ${id}`);
    const bytes = Buffer.from(picker(random)(hostileResponses), "latin1");
    setTimeout(() => {
      if (socket.destroyed) return;
      socket.write(bytes);
      const end = picker(random)([() => socket.destroy(), () => socket.resetAndDestroy(), () => socket.end()]);
      setTimeout(() => !socket.destroyed && end(), random() * 40);
    }, random() * 20);
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const id = arrive(request);
    const isBad = id !== "" && !id.startsWith("neighbour") && seededRandom(`${seed} ${id} way`)() < 0.5;
    request.on("error", () => undefined);
    if (isBad) return answerBadly(request.socket, id);
    request.resume();
    request.on("end", () => {
      // Behind a bad response of the same connection it is never sent.
      response.on("finish", () => answered.add(id));
      response.writeHead(request.method === "POST" ? 201 : 200, { "x-answer-to": id }).end("fine");
    });
  };
  const server = createServer({ maxHeaderSize: 65_536 }, serve);
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    response.writeContinue();
    serve(request, response);
  });
  server.on("connection", (socket) => socket.on("error", () => undefined));
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    socket.on("error", () => undefined).on("end", () => socket.end());
    socket.resume();
    answerBadly(socket, arrive(request));
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    wasAnswered: (id) => answered.has(id),
    arrivedTwice: arrivedTwice!,
    hadTwoEffects: hadTwoEffects!,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function count(counts: Map<string, number>, name: string, twice: string[]): void {
  const times = (counts.get(name) ?? 0) + 1;
  counts.set(name, times);
  if (times === 2) twice.push(name);
}
