import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frameRequests, framingStart, type RequestPart } from "./request-framing.ts";

/** Frames a stream that comes in pieces; neighbouring pieces of a body are joined. */
function framed(chunks: readonly Buffer[]): RequestPart[] {
  let framing = framingStart;
  const parts: RequestPart[] = [];
  for (const chunk of chunks) {
    const next = frameRequests(framing, chunk);
    framing = next.framing;
    for (const part of next.parts) {
      const last = parts.at(-1);
      if ((part.kind === "body" || part.kind === "opaque") && last?.kind === part.kind) {
        parts[parts.length - 1] = { kind: part.kind, bytes: Buffer.concat([last.bytes, part.bytes]) };
      } else {
        parts.push(part);
      }
    }
  }
  return parts;
}

const frameText = (text: string): RequestPart[] => framed([Buffer.from(text, "latin1")]);
const summary = (parts: readonly RequestPart[]): string[] =>
  parts.map((part) => (part.kind === "end" ? "end" : `${part.kind} ${part.bytes.length}`));

function split(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set([0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length])].sort((a, b) => a - b);
  return at.slice(1).map((end, index) => stream.subarray(at[index], end));
}

interface Message {
  readonly head: string;
  readonly body: string;
}

const content = fc.string({ unit: "binary-ascii", maxLength: 40 });
const bodyless: fc.Arbitrary<Message> = fc
  .constantFrom("GET", "HEAD", "DELETE")
  .map((method) => ({ head: `${method} /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n`, body: "" }));
const counted: fc.Arbitrary<Message> = content.map((body) => ({
  head: `POST /orders HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`,
  body,
}));
const chunked: fc.Arbitrary<Message> = fc
  .record({ chunks: fc.array(content), extension: fc.constantFrom("", ";a=b", " ; q"), trailer: fc.boolean() })
  .map(({ chunks, extension, trailer }) => ({
    head: "PUT /x HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n",
    body:
      chunks
        .filter((chunk) => chunk.length > 0)
        .map((chunk) => `${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`)
        .join("") + `0\r\n${trailer ? "Checksum: 1\r\nOther: 2\r\n" : ""}\r\n`,
  }));
const messages = fc.array(fc.oneof(bodyless, counted, chunked), { minLength: 1, maxLength: 5 });

test("any split of the stream gives the same requests, and loses no byte", () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(), { maxLength: 30 }), (requests, cuts) => {
      const stream = Buffer.from(requests.map(({ head, body }) => head + body).join(""), "latin1");
      const expected = requests.flatMap(({ head, body }) => [
        `head ${head.length}`,
        ...(body === "" ? [] : [`body ${body.length}`]),
        "end",
      ]);
      for (const chunks of [split(stream, cuts), Array.from(stream, (byte) => Buffer.of(byte))]) {
        const parts = framed(chunks);
        expect(summary(parts)).toEqual(expected);
        expect(Buffer.concat(parts.flatMap((part) => (part.kind === "end" ? [] : [part.bytes])))).toEqual(stream);
      }
    }),
  );
});

test("any bytes at all come out as they went in", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat()), (bytes, cuts) => {
      const stream = Buffer.from(bytes);
      const parts = framed(split(stream, cuts));
      const out = Buffer.concat(parts.flatMap((part) => (part.kind === "end" ? [] : [part.bytes])));
      // Bytes that are not out yet may still become a head.
      expect(stream.subarray(0, out.length)).toEqual(out);
    }),
  );
});

test("the head has its method, target, header fields by lower-case name", () => {
  const [head] = frameText("\r\nPOST /orders?a=1 HTTP/1.1\r\nX-One:  1 \r\nx-one: 2\r\nEmpty:\r\n\r\n");
  expect(head).toMatchObject({
    kind: "head",
    head: {
      method: "POST",
      target: "/orders?a=1",
      headers: new Map([
        ["x-one", "1, 2"],
        ["empty", ""],
      ]),
    },
  });
});

describe("what is not a run of HTTP/1.1 requests is opaque", () => {
  test.for<[name: string, stream: string, expected: string[]]>([
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ["opaque 24"]],
    ["a tunnel", "CONNECT h:443 HTTP/1.1\r\n\r\n\u0016\u0003", ["head 26", "end", "opaque 2"]],
    ["a WebSocket", "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\nabc", ["head 38", "end", "opaque 3"]],
    ["two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ["opaque 59"]],
    ["a length that is invalid", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", ["opaque 39"]],
    ["a coding not chunked last", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", ["opaque 44"]],
    ["a field without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", ["opaque 24"]],
    [
      "a chunk size that is invalid",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nab",
      ["head 47", "body 5", "opaque 2"],
    ],
    ["a head without end", `GET / HTTP/1.1\r\nA: ${"a".repeat(70_000)}`, ["opaque 70019"]],
  ])("%s", ([, stream, expected]) => {
    expect(summary(frameText(stream))).toEqual(expected);
  });
});

test("an offer of h2c is not an upgrade yet", () => {
  const request = "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n";
  expect(summary(frameText(request + request))).toEqual(["head 69", "end", "head 69", "end"]);
});
