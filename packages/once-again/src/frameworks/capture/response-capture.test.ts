import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expect, test } from "vitest";
import { startHttpServer } from "../../../../../test/support/http-server.ts";
import type { HttpResponse } from "../../http/index.ts";
import { ResponseCapture } from "./response-capture.ts";

/** The stored response of a handler that writes to a real response, and the response that the caller gets. */
async function captured(
  handle: (response: ServerResponse) => unknown,
  { bytesMax = 10_000, before = { "x-before": "outer" } }: { bytesMax?: number; before?: Record<string, string> } = {},
): Promise<{ stored: HttpResponse; sent: Response; text: string }> {
  let stored: HttpResponse | undefined;
  const url = await startHttpServer(async (_, response) => {
    for (const [name, value] of Object.entries(before)) response.setHeader(name, value);
    const { socket } = response;
    const capture = new ResponseCapture(response, response.req, bytesMax);
    const answer = begin(capture);
    void handle(response);
    stored = await answer;
    expect(socket?.bytesWritten).toBe(0);
    capture.send(stored);
  });
  const sent = await fetch(url);
  return { text: await sent.text(), sent, stored: stored! };
}

/** Begins a run. @returns its response. */
const begin = (capture: ResponseCapture): Promise<HttpResponse> =>
  new Promise((responded, failed) => capture.begin({ responded, failed }));

const text = ({ body }: HttpResponse): string => Buffer.from(body).toString();

const writings: [name: string, length: string | null, write: (response: ServerResponse) => unknown][] = [
  ["end", "5", (response) => response.end("whole")],
  ["end with a callback", "5", (response) => response.end("whole", () => undefined)],
  ["end of bytes", "5", (response) => response.end(new Uint8Array(Buffer.from("whole")))],
  ["write and end", null, (response) => (response.write("wh"), response.write("ole"), response.end())],
  ["write and end of a known length", "5", (response) => writeInParts(response.setHeader("content-length", 5))],
  ["encodings", null, (response) => (response.write("77686f", "hex"), response.end("bGU=", "base64"))],
  ["a head that is flushed", null, (response) => (response.flushHeaders(), writeInParts(response))],
  ["corked chunks", null, (response) => (response.cork(), writeParts(response), response.uncork(), response.end())],
  ["a piped stream", null, (response) => Readable.from(["wh", "ole"]).pipe(response)],
  ["a pipeline", null, (response) => pipeline(Readable.from(["wh", "ole"]), response)],
  ["a slow stream", null, (response) => pipeline(slowly("wh", "ole"), response)],
];

test.for(writings)("stores and sends what was written by %s", async ([, length, handle]) => {
  const { stored, sent, text: received } = await captured(handle);
  expect(stored.status).toBe(200);
  expect(text(stored)).toBe("whole");
  expect(received).toBe("whole");
  // Several chunks of an unknown length are sent in chunks, as without once-again.
  expect(sent.headers.get("content-length")).toBe(length);
});

function writeParts(response: ServerResponse): void {
  response.write("wh");
  response.write(Buffer.from("o"));
  response.write("le");
}

function writeInParts(response: ServerResponse): void {
  writeParts(response);
  response.end();
}

async function* slowly(...chunks: string[]): AsyncGenerator<string> {
  for (const chunk of chunks) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    yield chunk;
  }
}

test("a response that was ended shows that it is, before its answer is sent", async () => {
  await captured((response) => {
    expect(response.writableEnded).toBe(false);
    response.end();
    expect(response.writableEnded).toBe(true);
  });
});

test("callbacks of write and end are called, after they returned", async () => {
  const calls: string[] = [];
  await captured((response) => {
    response.write("a", () => calls.push("write"));
    response.write("b", "utf8", () => calls.push("write with encoding"));
    response.end(() => calls.push("end"));
    calls.push("returned");
  });
  expect(calls).toEqual(["returned", "write", "write with encoding", "end"]);
});

test("a buffer that its writer uses again is stored as it was", async () => {
  const buffer = Buffer.from("first");
  const { text } = await captured((response) => {
    response.write(buffer);
    buffer.write("again");
    response.end(buffer);
  });
  expect(text).toBe("firstagain");
});

test.for([
  ["setHeader", (response) => response.setHeader("Location", "/7").setHeader("link", ["a", "b"])],
  ["writeHead with an object", (response) => response.writeHead(201, { Location: "/7", link: ["a", "b"] })],
  ["writeHead with a reason", (response) => response.writeHead(201, "Made", { location: "/7", link: ["a", "b"] })],
  ["writeHead with a flat list", (response) => response.writeHead(201, ["Location", "/7", "link", "a", "link", "b"])],
  [
    "writeHead over setHeader",
    (response) => response.setHeader("location", "/6").writeHead(201, { location: "/7", link: ["a", "b"] }),
  ],
] as [string, (response: ServerResponse) => unknown][])("keeps and sends the headers of %s", async ([, set]) => {
  for (const before of [{ "x-before": "outer" }, {}]) {
    const handle = (response: ServerResponse): void => {
      response.statusCode = 201;
      set(response);
      response.end();
    };
    const { stored, sent } = await captured(handle, { before });
    expect(stored.status).toBe(201);
    // Headers that were set before the handler belong to this request, and are not part of the response.
    expect(stored.headers).toEqual([
      ["location", "/7"],
      ["link", "a"],
      ["link", "b"],
    ]);
    expect([sent.status, sent.headers.get("location"), sent.headers.get("link")]).toEqual([201, "/7", "a, b"]);
    expect(sent.headers.get("x-before")).toBe(before["x-before"] ?? null);
  }
});

test.for([
  ["writeHead", (response) => response.writeHead(201)],
  ["write", (response) => response.write("part")],
  ["flushHeaders", (response) => response.flushHeaders()],
  ["end", (response) => response.end()],
] as [string, (response: ServerResponse) => unknown][])(
  "after %s the headers count as sent, as they do without us",
  async ([, answer]) => {
    await captured((response) => {
      expect(response.headersSent).toBe(false);
      response.setHeader("x-early", "1");
      answer(response);
      expect(response.headersSent).toBe(true);
      for (const late of [() => response.setHeader("x-late", "1"), () => response.writeHead(500)]) {
        expect(late).toThrow(expect.objectContaining({ code: "ERR_HTTP_HEADERS_SENT" }));
      }
      response.end();
    });
  },
);

test("a header that can't be sent is refused in the handler, where it was written", async () => {
  for (const headers of [{ "na me": "1" }, { name: "va\nlue" }]) {
    await captured((response) => {
      expect(() => response.writeHead(200, headers)).toThrow(TypeError);
      response.end();
    });
  }
});

test("a connection that a handler closes is closed", async () => {
  for (const before of [{ "x-before": "outer" }, {}]) {
    const { sent } = await captured((response) => response.writeHead(200, { connection: "close" }).end(), { before });
    expect(sent.headers.get("connection")).toBe("close");
  }
});

test("a transfer coding that the handler named is that of its response, and a wrong length is put right", async () => {
  for (const [headers, length] of [
    [{ "content-length": "3" }, "5"],
    [{ "content-length": "5" }, "5"],
    [{ "transfer-encoding": "chunked" }, null],
  ] as const) {
    const { sent, text } = await captured((response) => response.writeHead(200, headers).end("whole"));
    expect([text, sent.headers.get("content-length")]).toEqual(["whole", length]);
    expect([sent.headers.get("connection"), sent.headers.get("date")]).toEqual(["keep-alive", expect.any(String)]);
  }
});

test("a 204 has no body, whatever the handler wrote", async () => {
  const { stored, sent, text } = await captured((response) => response.writeHead(204).end("no"));
  expect([sent.status, text, stored.body.length]).toEqual([204, "", 0]);
});

test("a response that is larger than may be stored is refused, and its writer sees its end", async () => {
  const closed = Promise.withResolvers<void>();
  const url = await startHttpServer(async (_, response) => {
    const capture = new ResponseCapture(response, response.req, 10);
    const answer = begin(capture);
    response.on("close", closed.resolve);
    response.setHeader("x-handler", "1");
    response.write("more than ten bytes");
    // It never ends by itself.
    await expect(answer).rejects.toMatchObject({ code: "ONCE_RESULT_TOO_LARGE" });
    await closed.promise;
    capture.send({ status: 500, headers: [], body: Buffer.from("refused") });
    response.write("late");
  });
  const response = await fetch(url);
  expect([response.status, await response.text(), response.headers.get("x-handler")]).toEqual([500, "refused", null]);
});

test("a response that another wrapped before is given back as it was wrapped", async () => {
  const calls: string[] = [];
  const url = await startHttpServer(async (_, response) => {
    const { end } = response;
    response.end = function wrapped(this: ServerResponse, ...args: unknown[]) {
      calls.push("wrapped end");
      return Reflect.apply(end, this, args) as ServerResponse;
    } as typeof response.end;
    const capture = new ResponseCapture(response, response.req, 100);
    const answer = begin(capture);
    response.end("whole");
    capture.send(await answer);
  });
  expect(await (await fetch(url)).text()).toBe("whole");
  expect(calls).toEqual(["wrapped end"]);
});

test("a writeHead that another put in its place finds the headers set, as for any answer", async () => {
  const url = await startHttpServer(async (_, response) => {
    const { writeHead } = response;
    response.writeHead = function wrapped(this: ServerResponse, status: number, ...rest: unknown[]) {
      expect([status, rest, this.getHeader("x-handler")]).toEqual([201, [], "1"]);
      this.setHeader("x-wrapped", "1");
      return Reflect.apply(writeHead, this, [status]) as ServerResponse;
    };
    const capture = new ResponseCapture(response, response.req, 100);
    const answer = begin(capture);
    response.writeHead(201, { "x-handler": "1" }).end("whole");
    capture.send(await answer);
  });
  const { status, headers } = await fetch(url);
  expect([status, headers.get("x-handler"), headers.get("x-wrapped")]).toEqual([201, "1", "1"]);
});

test("after the answer was sent, what is written late is dropped", async () => {
  const url = await startHttpServer(async (_, response) => {
    const capture = new ResponseCapture(response, response.req, 100);
    const answer = begin(capture);
    response.end("whole");
    await once(response, "close");
    response.write("late");
    capture.send(await answer);
    response.write("later");
    response.end("later");
  });
  expect(await (await fetch(url)).text()).toBe("whole");
});

test("a run that is begun anew leaves nothing of the one before", async () => {
  const url = await startHttpServer(async (_, response) => {
    response.setHeader("x-outer", "as it was");
    const capture = new ResponseCapture(response, response.req, 100);
    const first = begin(capture);
    response.writeHead(418, { "x-outer": "changed", "x-first": "1" }).end("first");
    await first;
    const second = begin(capture);
    response.setHeader("x-second", "2");
    response.end("second");
    capture.send(await second);
  });
  const response = await fetch(url);
  const names = ["x-outer", "x-first", "x-second"];
  expect([response.status, await response.text(), ...names.map((name) => response.headers.get(name))]).toEqual([
    200,
    "second",
    "as it was",
    null,
    "2",
  ]);
});

test("what a handler adds to a header of several values is stored, in each run, though some were there before", async () => {
  const links = ["</a>", "</b>", "</c>"];
  const stored: HttpResponse["headers"][] = [];
  const url = await startHttpServer(async (_, response) => {
    response.setHeader("link", links.slice(0, 2));
    const capture = new ResponseCapture(response, response.req, 100);
    for (let run = 1; run <= 3; run += 1) {
      const answer = begin(capture);
      response.appendHeader("link", links[2]!).end();
      stored.push((await answer).headers);
      if (run === 3) capture.send(await answer);
    }
  });
  const sent = await fetch(url);
  const each = links.map((link) => ["link", link]);
  expect(stored).toEqual([each, each, each]);
  expect(sent.headers.get("link")).toBe(links.join(", "));
});

test("an answer in the place of another has its own headers, over those that were there before", async () => {
  const url = await startHttpServer(async (_, response) => {
    response.setHeader("x-outer", "as it was");
    response.setHeader("vary", ["origin", "cookie"]);
    response.setHeader("x-taken", "1");
    const capture = new ResponseCapture(response, response.req, 100);
    const answer = begin(capture);
    response.removeHeader("x-taken");
    response.setHeader("x-same", "same");
    response.setHeader("x-handler", "1");
    response.setHeader("trailer", "x-late");
    response.end("whole");
    const { status } = await answer;
    const headers = [
      ["Vary", "accept"],
      ["x-same", "same"],
      ["vary", "origin"],
      ["x-stored", "2"],
    ] as const;
    capture.send({ status, headers, body: Buffer.from("another") });
  });
  const response = await fetch(url);
  const names = ["x-outer", "vary", "x-taken", "x-same", "x-handler", "x-stored", "trailer", "content-length"];
  expect(await response.text()).toBe("another");
  expect(names.map((name) => response.headers.get(name))).toEqual([
    "as it was",
    "accept, origin",
    "1",
    "same",
    null,
    "2",
    null,
    "7",
  ]);
});
