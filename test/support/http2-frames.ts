/** Frames of HTTP/2 as bytes (RFC 9113), for callers that no library would let behave so. */

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

export const frameFlags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export type FrameType = keyof typeof frameTypes;

/** One frame. */
export function frame(type: FrameType | number, flags: number, stream: number, payload: Uint8Array = empty): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = typeof type === "number" ? type : frameTypes[type];
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const empty = Buffer.alloc(0);

/** The first bytes of a caller: the preface, and its settings. */
export const opening = (...settings: readonly (readonly [id: number, value: number])[]): Buffer =>
  Buffer.concat([preface, frame("settings", 0, 0, settingsPayload(settings))]);

function settingsPayload(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [at, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  }
  return payload;
}

/** A number of 32 bits, as RST_STREAM and WINDOW_UPDATE have one. */
export function uint32(value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}

export type Header = readonly [name: string, value: string];

/** A block of headers, Latin-1, each a literal without indexing or Huffman coding (RFC 7541, section 6.2.2). */
export const headerBlock = (headers: readonly Header[]): Buffer =>
  Buffer.concat(headers.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])));

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  const length: number[] = [];
  let rest = bytes.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    for (rest -= 127; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The headers of a request. */
export const requestBlock = (method: string, path: string, headers: readonly Header[] = []): Buffer =>
  headerBlock([[":method", method], [":scheme", "http"], [":path", path], [":authority", "a"], ...headers]);

/** A request without a body. */
export const requestFrame = (stream: number, method: string, path: string, headers: readonly Header[] = []): Buffer =>
  lastHeadersFrame(stream, requestBlock(method, path, headers));

/** Headers that end their stream: those of a request without a body, or trailers. */
export const lastHeadersFrame = (stream: number, block: Uint8Array): Buffer =>
  frame("headers", frameFlags.endHeaders + frameFlags.endStream, stream, block);

/** Asks for a tunnel (RFC 9113, section 8.5). */
export const tunnelFrame = (stream: number, authority: string): Buffer =>
  frame(
    "headers",
    frameFlags.endHeaders,
    stream,
    headerBlock([
      [":method", "CONNECT"],
      [":authority", authority],
    ]),
  );

/** A frame as it came. */
export interface ReadFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The whole frames in what came over a connection. */
export function readFrames(bytes: Buffer): ReadFrame[] {
  const frames: ReadFrame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + 9, end);
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, stream: bytes.readUInt32BE(at + 5), payload });
    at = end;
  }
  return frames;
}
