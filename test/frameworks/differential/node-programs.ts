import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";

/** A handler on Node's own request and response. */
export type NodeProgram = (response: ServerResponse, request: IncomingMessage) => unknown;

/** A stream that comes in more than one turn. */
export function chunks(...parts: (string | Buffer)[]): Readable {
  return Readable.from(
    (async function* () {
      for (const part of parts) {
        await turn();
        yield part;
      }
    })(),
    { objectMode: false },
  );
}

/** A stream that fails after its first chunk. */
export function failing(): Readable {
  return Readable.from(
    (async function* () {
      yield "half";
      await turn();
      throw new Error("the source failed");
    })(),
    { objectMode: false },
  );
}

const large = "0123456789".repeat(10_000);

/** By name: what handlers do with a response of Node's. */
export const nodePrograms: Readonly<Record<string, NodeProgram>> = {
  "end with a text": (response) => response.end("made"),
  "end with a Buffer": (response) => response.end(Buffer.from([0, 1, 2, 255, 254])),
  "end with a Uint8Array": (response) => response.end(Uint8Array.of(1, 2, 3)),
  "end without a body": (response) => response.end(),
  "end with an empty text": (response) => response.end(""),
  "end in base64": (response) => response.end("bWFkZQ==", "base64"),
  "end in Latin-1": (response) => response.end("t\u00e9", "latin1"),
  "end in UTF-8": (response) => response.end("t\u00e9 \u{1f375}"),
  "end with a callback": (response) => response.end("made", () => undefined),
  "end twice": (response) =>
    response
      .on("error", () => undefined)
      .end("made")
      .end("again"),
  "end in a later turn": async (response) => {
    await turn();
    response.end("late");
  },
  "write, then end": (response) => {
    response.write("ma");
    response.end("de");
  },
  "write in several turns": async (response) => {
    for (const part of ["a", "b", "c"]) {
      response.write(part);
      await turn();
    }
    response.end();
  },
  "write texts and bytes": (response) => {
    response.write("a");
    response.write(Buffer.from([255]));
    response.end("\u00e9");
  },
  "write with callbacks": async (response) => {
    await new Promise((resolve) => void response.write("a", resolve));
    response.end("b");
  },
  "write corked": (response) => {
    response.cork();
    response.write("a");
    response.write("b");
    response.uncork();
    response.end();
  },
  "write as the socket drains": async (response) => {
    for (let index = 0; index < 8; index += 1) if (!response.write(large)) await once(response, "drain");
    response.end();
  },
  "write after end": (response) => {
    response.on("error", () => undefined);
    response.end("made");
    response.write("more", () => undefined);
  },
  "large text": (response) => response.end(large),
  "writeHead with a status": (response) => response.writeHead(201).end("made"),
  "writeHead with an object": (response) =>
    response.writeHead(201, { "Content-Type": "text/plain", "X-Order": "7" }).end("made"),
  "writeHead with a list": (response) =>
    response.writeHead(201, ["Content-Type", "text/plain", "X-Order", "7"]).end("made"),
  "writeHead with a repeated header": (response) =>
    response.writeHead(201, { link: ["</a>; rel=next", "</b>; rel=prev"] }).end("made"),
  "writeHead with a phrase": (response) => response.writeHead(201, "Made Of Tea", { "x-order": "7" }).end("made"),
  "writeHead over headers that are set": (response) => {
    response.setHeader("x-order", "6");
    response.setHeader("x-other", "1");
    response.writeHead(201, { "x-order": "7" }).end("made");
  },
  "writeHead with a length": (response) => response.writeHead(201, { "content-length": "4" }).end("made"),
  "writeHead twice": (response) => {
    response.writeHead(201);
    try {
      response.writeHead(202);
    } catch (error) {
      response.end((error as NodeJS.ErrnoException).code);
    }
  },
  "writeHead, then nothing": (response) => response.writeHead(202).end(),
  "a status message": (response) => {
    response.statusCode = 202;
    response.statusMessage = "Taken";
    response.end("made");
  },
  "headers of any case": (response) => {
    response.setHeader("X-Mixed-Case", "1");
    response.setHeader("etag", '"7"');
    response.end("made");
  },
  "repeated headers": (response) => {
    response.setHeader("link", ["</a>", "</b>"]);
    response.appendHeader("vary", "accept");
    response.appendHeader("vary", "origin");
    response.end("made");
  },
  "headers from a Map": (response) => response.setHeaders(new Map([["x-order", "7"]])).end("made"),
  "a header that was taken away": (response) => {
    response.setHeader("x-order", "7");
    response.removeHeader("x-order");
    response.end("made");
  },
  cookies: (response) => {
    response.setHeader("set-cookie", ["a=1; Path=/", "b=2; HttpOnly"]);
    response.end("made");
  },
  "a header in Latin-1": (response) => {
    response.setHeader("x-name", "t\u00e9");
    response.end("made");
  },
  "headers after the head": (response) => {
    response.write("made");
    try {
      response.setHeader("x-late", "1");
    } catch (error) {
      response.end((error as NodeJS.ErrnoException).code);
    }
  },
  "headersSent and writableEnded": (response) => {
    const before = [response.headersSent, response.writableEnded];
    response.write(JSON.stringify(before));
    response.end(JSON.stringify([response.headersSent, response.writableEnded]));
  },
  "no date": (response) => {
    response.sendDate = false;
    response.end("made");
  },
  "a length before the writes": (response) => {
    response.setHeader("content-length", "4");
    response.write("ma");
    response.end("de");
  },
  "a length of zero": (response) => response.setHeader("content-length", 0).end(),
  "transfer-encoding: chunked": (response) => response.setHeader("transfer-encoding", "chunked").end("made"),
  "connection: close": (response) => response.setHeader("connection", "close").end("made"),
  "flushed headers": async (response) => {
    response.setHeader("x-order", "7").flushHeaders();
    await turn();
    response.end("made");
  },
  "early hints": async (response) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    await turn();
    response.end("made");
  },
  "102 Processing": (response) => {
    response.writeProcessing();
    response.end("made");
  },
  trailers: (response) => {
    response.writeHead(200, { trailer: "x-sum" });
    response.write("made");
    response.addTrailers({ "x-sum": "4" });
    response.end();
  },
  "a piped stream": (response) => void chunks("a", "b", "c").pipe(response),
  "a pipeline": (response) => pipeline(chunks("a", "b"), response),
  "a pipe that is waited for": async (response) => {
    chunks("a", "b").pipe(response);
    await finished(response);
  },
  "an end that is waited for": async (response) => {
    response.end("made");
    await once(response, "finish");
  },
  "a close that is waited for": async (response) => {
    response.end("made");
    await once(response, "close");
  },
  "a stream that fails": async (response) => {
    await pipeline(failing(), response).catch(() => undefined);
  },
  "a response that is destroyed": (response) => void response.destroy(),
  "a response that is destroyed after a write": async (response) => {
    response.write("half");
    await turn();
    response.destroy();
  },
  "a socket that is asked": (response, request) => {
    response.socket?.setNoDelay(true);
    response.end(String(response.socket?.remoteAddress === request.socket.remoteAddress));
  },
  "the request's facts": (response, request) =>
    response.end(
      JSON.stringify([
        request.method,
        request.url?.split("?")[1],
        request.httpVersion,
        request.headers["content-length"],
      ]),
    ),
  "the request's body": async (response, request) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    response.end(Buffer.concat(parts));
  },
  "the request's body by events": (response, request) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => (text += part));
    request.on("end", () => response.end(text));
  },
  "the request, echoed": (response, request) => void request.pipe(response),
  ...Object.fromEntries(
    [
      200, 201, 202, 203, 204, 205, 206, 299, 301, 302, 303, 304, 307, 308, 400, 401, 404, 409, 410, 418, 422, 500, 503,
    ].map((status): [string, NodeProgram] => [
      `status ${status}`,
      (response) => {
        response.statusCode = status;
        if (status >= 300 && status < 400) response.setHeader("location", "/orders/7");
        response.end(status === 204 || status === 205 || status === 304 ? undefined : `status ${status}`);
      },
    ]),
  ),
};
