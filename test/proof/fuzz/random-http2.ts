import type { Random } from "../../../packages/once-again/src/core/random.ts";
import {
  frame,
  frameFlags,
  type Header,
  headerBlock,
  opening,
  preface,
  requestBlock,
  requestFrame,
  uint32,
  lastHeadersFrame,
  tunnelFrame,
} from "../../support/http2-frames.ts";
import { picker } from "./picker.ts";
import type { RandomRequest } from "./random-request.ts";

/** Frames that a caller sends over one connection of HTTP/2. */
export interface Http2Bytes {
  readonly bytes: Buffer;
  /**
   * The requests that were made of those of HTTP/1.1, in their order, with where each one ends in the bytes. One that its caller
   * resets is not among them: no response is owed to it.
   */
  readonly streams: readonly { readonly request: RandomRequest; readonly stream: number; readonly end: number }[];
}

const { endStream, endHeaders, ack, padded, priority } = frameFlags;

/** Headers that a request of HTTP/2 may not have. */
const ofConnection = /^(?:connection|transfer-encoding|upgrade|http2-settings|keep-alive|host)$/;

/** A request of HTTP/1.1 as frames of one stream: whole, or as its body breaks off. */
function streamOf({ text, isWhole }: RandomRequest, stream: number, random: Random): Buffer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [start = "", ...lines] = head.split("\r\n");
  const [method = "", path = ""] = start.split(" ");
  const read = lines.map((line): Header => {
    const at = line.indexOf(":");
    return [line.slice(0, Math.max(at, 0)).toLowerCase().trim(), line.slice(at + 1).trim()];
  });
  const host = read.find(([name]) => name === "host")?.[1] ?? "a";
  const isStrict = random() < 0.9;
  const headers = read.filter(([name]) => name !== "" && !(isStrict && ofConnection.test(name)));
  const names: Header[] = [
    [":method", method],
    [":scheme", random() < 0.9 ? "http" : "https"],
    [":path", path],
    ...(random() < 0.95 ? [[":authority", host] as const] : []),
  ];
  const block = headerBlock([...names, ...headers]);
  const chunks = bodyOf(rest.join("\r\n\r\n"), read);
  const frames = headersFrames(block, stream, chunks.length === 0 && isWhole ? endStream : 0, random);
  for (const [at, chunk] of chunks.entries()) {
    const isLast = isWhole && at === chunks.length - 1;
    const endsHere = isLast && random() < 0.7;
    frames.push(frame("data", endsHere ? endStream : 0, stream, chunk));
    if (!isLast || endsHere) continue;
    const trailers = headerBlock([
      ["q", "1"],
      ["x-account", "victim"],
      ["x-forwarded-for", "6.6.6.6"],
    ]);
    frames.push(random() < 0.5 ? frame("data", endStream, stream) : lastHeadersFrame(stream, trailers));
  }
  return Buffer.concat(frames);
}

/** A block in one frame, or with the rest in frames of CONTINUATION, padded, or with a priority. */
function headersFrames(block: Buffer, stream: number, flags: number, random: Random): Buffer[] {
  const frameBytesMax = 16_384;
  if (block.length < frameBytesMax && random() < 0.8) return [frame("headers", flags + endHeaders, stream, block)];
  if (block.length < 4000 && random() < 0.5) {
    const weighted = Buffer.concat([Buffer.from([3]), uint32(0), Buffer.from([16]), block, Buffer.alloc(3)]);
    return [frame("headers", flags + endHeaders + padded + priority, stream, weighted)];
  }
  const size = Math.min(frameBytesMax, Math.ceil(block.length / 3));
  const parts: Buffer[] = [];
  for (let at = 0; at < block.length; at += size) parts.push(block.subarray(at, at + size));
  return parts.map((part, at) =>
    frame(
      at === 0 ? "headers" : "continuation",
      (at === 0 ? flags : 0) + (at === parts.length - 1 ? endHeaders : 0),
      stream,
      part,
    ),
  );
}

/** The pieces of a body without the framing of HTTP/1.1: a chunk is a frame. */
function bodyOf(text: string, headers: readonly Header[]): Buffer[] {
  if (text === "") return [];
  if (!headers.some(([name]) => name === "transfer-encoding")) {
    const bytes = Buffer.from(text, "latin1");
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 16_384) pieces.push(bytes.subarray(at, at + 16_384));
    return pieces;
  }
  return [...text.matchAll(/[\da-f]+(?:;[^\r]*)?\r\n(?<data>[^\r]+)\r\n/g)].map(({ groups }) =>
    Buffer.from(groups!["data"]!, "latin1"),
  );
}

const keyed: readonly Header[] = [
  ["x-account", "acme"],
  ["idempotency-key", "k-1"],
];
const repeat = (count: number, make: (at: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => make(at)));
const reset = (stream: number, code = 8): Buffer => frame("reset", 0, stream, uint32(code));
const begun = (stream: number, path = "/slow"): Buffer =>
  frame("headers", endHeaders, stream, requestBlock("POST", path, keyed));
const indexed = (block: Buffer): Buffer => Buffer.concat([Buffer.from([0x40]), block.subarray(1)]);

/** Attacks by frames. Each is the bytes behind the preface. */
export const http2Shapes: Readonly<Record<string, () => Buffer>> = {
  "a request": () => Buffer.concat([opening(), requestFrame(1, "GET", "/")]),
  "rapid reset": () =>
    Buffer.concat([
      opening(),
      repeat(2000, (at) => Buffer.concat([requestFrame(2 * at + 1, "GET", "/slow"), reset(2 * at + 1)])),
    ]),
  "rapid reset of keyed requests": () =>
    Buffer.concat([
      opening(),
      repeat(300, (at) =>
        Buffer.concat([begun(2 * at + 1), frame("data", endStream, 2 * at + 1, Buffer.from("{}")), reset(2 * at + 1)]),
      ),
    ]),
  "more streams than there may be": () =>
    Buffer.concat([opening(), repeat(400, (at) => requestFrame(2 * at + 1, "GET", "/slow"))]),
  "bodies that never end": () => Buffer.concat([opening(), repeat(100, (at) => begun(2 * at + 1))]),
  "CONTINUATION without end": () =>
    Buffer.concat([
      opening(),
      frame("headers", endStream, 1, requestBlock("GET", "/")),
      repeat(200, (at) => frame("continuation", 0, 1, headerBlock([[`x-${at}`, "y".repeat(500)]]))),
    ]),
  "empty CONTINUATION without end": () =>
    Buffer.concat([
      opening(),
      frame("headers", endStream, 1, requestBlock("GET", "/")),
      repeat(5000, () => frame("continuation", 0, 1)),
    ]),
  "a head that never ends": () =>
    Buffer.concat([opening(), frame("headers", 0, 1, requestBlock("GET", "/", [["x-long", "y".repeat(3000)]]))]),
  "a head that never ends, with trailers": () =>
    Buffer.concat([opening(), begun(1), frame("headers", endStream, 1, headerBlock([["x-long", "y".repeat(3000)]]))]),
  "a head of 60 KB": () =>
    Buffer.concat([
      opening(),
      frame("headers", endStream, 1, requestBlock("GET", "/")),
      ...Array.from({ length: 6 }, (_, at) =>
        frame("continuation", at === 5 ? endHeaders : 0, 1, headerBlock([[`y-${at}`, "z".repeat(10_000)]])),
      ),
    ]),
  "a head of 200 KB": () =>
    Buffer.concat([
      opening(),
      frame("headers", endStream, 1, requestBlock("GET", "/")),
      ...Array.from({ length: 7 }, (_, at) =>
        frame(
          "continuation",
          at === 6 ? endHeaders : 0,
          1,
          headerBlock([
            ["z", "z".repeat(16_000)],
            ["y", "y".repeat(300)],
          ]),
        ),
      ),
    ]),
  "2,500 headers": () =>
    Buffer.concat([
      opening(),
      lastHeadersFrame(
        1,
        requestBlock(
          "GET",
          "/",
          Array.from({ length: 2500 }, (_, at) => [String(at % 10), ""] as const),
        ),
      ),
    ]),
  "a table that is filled and named again": () =>
    Buffer.concat([
      opening(),
      lastHeadersFrame(1, Buffer.concat([requestBlock("GET", "/"), indexed(headerBlock([["x", "y".repeat(3900)]]))])),
      repeat(50, (at) =>
        frame(
          "headers",
          endStream + endHeaders,
          2 * at + 3,
          Buffer.concat([requestBlock("GET", "/"), Buffer.alloc(3000, 0xbe)]),
        ),
      ),
    ]),
  "an index out of range": () =>
    Buffer.concat([
      opening(),
      lastHeadersFrame(1, Buffer.concat([requestBlock("GET", "/", [["x", "y".repeat(500)]]), Buffer.alloc(9, 0xff)])),
    ]),
  PING: () => Buffer.concat([opening(), repeat(20_000, () => frame("ping", 0, 0, Buffer.alloc(8)))]),
  "acknowledged PING": () => Buffer.concat([opening(), repeat(2000, () => frame("ping", ack, 0, Buffer.alloc(8)))]),
  SETTINGS: () => Buffer.concat([opening(), repeat(20_000, (at) => opening([4, at]).subarray(preface.length))]),
  "SETTINGS of 100 entries": () => opening(...Array.from({ length: 100 }, (_, at) => [at, at] as const)),
  "SETTINGS that are wrong": () => opening([4, 2 ** 31]),
  "acknowledged SETTINGS": () => Buffer.concat([opening(), repeat(2000, () => frame("settings", ack, 0))]),
  PRIORITY: () =>
    Buffer.concat([
      opening(),
      repeat(10_000, (at) => frame("priority", 0, 2 * at + 1, Buffer.concat([uint32(0), Buffer.from([7])]))),
    ]),
  "a stream that depends on itself": () =>
    Buffer.concat([opening(), frame("priority", 0, 1, Buffer.concat([uint32(1), Buffer.from([7])]))]),
  WINDOW_UPDATE: () =>
    Buffer.concat([opening(), begun(1), repeat(10_000, (at) => frame("window", 0, at % 2, uint32(1)))]),
  "WINDOW_UPDATE by nothing": () =>
    Buffer.concat([opening(), begun(1), frame("window", 0, 1, uint32(0)), frame("window", 0, 0, uint32(0))]),
  "a window that is too large": () =>
    Buffer.concat([
      opening(),
      begun(1),
      frame("window", 0, 1, uint32(2 ** 31 - 1)),
      frame("window", 0, 0, uint32(2 ** 31 - 1)),
    ]),
  "windows of nothing": () =>
    Buffer.concat([opening([4, 0]), repeat(100, (at) => requestFrame(2 * at + 1, "GET", "/"))]),
  "windows of one byte": () =>
    Buffer.concat([
      opening([4, 1]),
      repeat(50, (at) =>
        Buffer.concat([requestFrame(2 * at + 1, "GET", "/"), frame("window", 0, 2 * at + 1, uint32(1))]),
      ),
    ]),
  "DATA of nothing": () => Buffer.concat([opening(), begun(1), repeat(20_000, () => frame("data", 0, 1))]),
  "DATA of one byte": () =>
    Buffer.concat([opening(), begun(1), repeat(65_000, () => frame("data", 0, 1, Buffer.from("x")))]),
  "DATA of one byte, in many streams": () =>
    Buffer.concat([
      opening(),
      repeat(20, (at) => begun(2 * at + 1)),
      repeat(100_000, (at) => frame("data", 0, 2 * (at % 20) + 1, Buffer.from("x"))),
    ]),
  padding: () =>
    Buffer.concat([
      opening(),
      begun(1),
      repeat(200, () => frame("data", padded, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(256)]))),
    ]),
  "more DATA than the window": () =>
    Buffer.concat([opening(), begun(1), repeat(6, () => frame("data", 0, 1, Buffer.alloc(16_384)))]),
  "more DATA than was said": () =>
    Buffer.concat([
      opening(),
      frame("headers", endHeaders, 1, requestBlock("POST", "/", [...keyed, ["content-length", "2"]])),
      frame("data", endStream, 1, Buffer.from("more")),
    ]),
  "DATA for no stream": () => Buffer.concat([opening(), frame("data", 0, 7, Buffer.from("x"))]),
  "DATA for stream 0": () => Buffer.concat([opening(), frame("data", 0, 0, Buffer.from("x"))]),
  "DATA behind the end": () =>
    Buffer.concat([opening(), requestFrame(1, "GET", "/slow"), frame("data", endStream, 1, Buffer.from("x"))]),
  "a head behind the end": () =>
    Buffer.concat([opening(), requestFrame(1, "GET", "/slow"), requestFrame(1, "GET", "/")]),
  "an even stream": () => Buffer.concat([opening(), requestFrame(2, "GET", "/")]),
  "streams backwards": () => Buffer.concat([opening(), requestFrame(9, "GET", "/"), requestFrame(3, "GET", "/")]),
  PUSH_PROMISE: () =>
    Buffer.concat([
      opening(),
      requestFrame(1, "GET", "/"),
      frame("push", endHeaders, 1, Buffer.concat([uint32(2), requestBlock("GET", "/")])),
    ]),
  "GOAWAY, and requests behind it": () =>
    Buffer.concat([
      opening(),
      requestFrame(1, "GET", "/slow"),
      frame("goaway", 0, 0, Buffer.alloc(8)),
      requestFrame(3, "GET", "/"),
    ]),
  "a frame that is too large": () =>
    Buffer.concat([opening(), Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]), Buffer.alloc(50_000)]),
  "frames of unknown types": () =>
    Buffer.concat([opening(), repeat(5000, (at) => frame(10 + (at % 200), 0, at % 3, Buffer.alloc(5)))]),
  "garbage behind the preface": () => Buffer.concat([preface, Buffer.from("garbage garbage garbage")]),
  "half a preface": () => preface.subarray(0, 15),
  "the preface alone": () => preface,
  "the preface twice": () => Buffer.concat([opening(), preface]),
  CONNECT: () => Buffer.concat([opening(), tunnelFrame(1, "a:443")]),
  "extended CONNECT": () =>
    Buffer.concat([
      opening(),
      frame(
        "headers",
        endHeaders,
        1,
        headerBlock([
          [":method", "CONNECT"],
          [":protocol", "websocket"],
          [":scheme", "http"],
          [":path", "/ws"],
          [":authority", "a"],
        ]),
      ),
    ]),
  "pseudo-headers twice": () => Buffer.concat([opening(), requestFrame(1, "GET", "/", [[":path", "/b"]])]),
  "pseudo-headers in trailers": () =>
    Buffer.concat([opening(), begun(1), lastHeadersFrame(1, headerBlock([[":path", "/"]]))]),
  "trailers that do not end": () =>
    Buffer.concat([opening(), begun(1), frame("headers", endHeaders, 1, headerBlock([["x-t", "1"]]))]),
  "a header of the connection": () =>
    Buffer.concat([
      opening(),
      requestFrame(1, "GET", "/", [
        ["connection", "close"],
        ["transfer-encoding", "chunked"],
      ]),
    ]),
  "a line break in a header": () =>
    Buffer.concat([opening(), requestFrame(1, "GET", "/", [["x", "a\r\nx-account: victim"]])]),
  "a line break in a path": () =>
    Buffer.concat([opening(), requestFrame(1, "GET", "/ HTTP/1.1\r\nx-account: victim\r\n\r\n")]),
  "another host": () => Buffer.concat([opening(), requestFrame(1, "GET", "/", [["host", "evil"]])]),
};

const shapeNames = Object.keys(http2Shapes);

/** Requests of one connection by HTTP/2, or an attack, or both. */
export function randomHttp2(requests: readonly RandomRequest[], random: Random): Http2Bytes {
  const pick = picker(random);
  const shape = requests.length === 0 || random() < 0.15 ? http2Shapes[pick(shapeNames)]!() : undefined;
  const parts = [shape ?? opening(...(random() < 0.1 ? [[4, 20] as const] : []))];
  let at = parts[0]!.length;
  const streams: { request: RandomRequest; stream: number; end: number }[] = [];
  const first = shape === undefined ? 1 : 10_001;
  const add = (bytes: Buffer): void => {
    parts.push(bytes);
    at += bytes.length;
  };
  for (const [index, request] of requests.entries()) {
    const stream = first + 2 * index;
    add(streamOf(request, stream, random));
    const end = at;
    if (random() < 0.1) add(reset(stream, pick([0, 1, 8, 99])));
    else streams.push({ request, stream, end });
    if (random() < 0.05) add(frame("ping", 0, 0, Buffer.alloc(8)));
  }
  if (random() < 0.1) add(frame("goaway", 0, 0, Buffer.alloc(8)));
  return { bytes: Buffer.concat(parts), streams };
}
