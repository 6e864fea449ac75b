import { type Random, seededRandom } from "../../../packages/once-again/src/core/random.ts";
import { connectionShapes, type Leaving } from "./connection-shapes.ts";
import { picker } from "./picker.ts";
import { randomHttp2 } from "./random-http2.ts";
import { type RandomRequest, randomRequest } from "./random-request.ts";

/** The bytes of one caller over one connection, and how it leaves. */
export interface ConnectionPlan {
  /** Sent one after another, with a pause of some milliseconds between them. */
  readonly pieces: readonly Buffer[];
  /** Requests that are in it as they were made, in their order: nothing before them was changed or cut. */
  readonly intact: readonly RandomRequest[];
  readonly leaving: Leaving["by"];
  /** After the last piece, milliseconds. */
  readonly leavesAfterMs: number;
  /** It waits for the end of what it sent, or for the other side to close. */
  readonly stays: boolean;
  /** Whether it reads what comes back. */
  readonly reads: boolean;
  /** The streams of the requests, by their names, where it speaks HTTP/2. */
  readonly streams?: ReadonlyMap<string, number> | undefined;
}

/** Names a request. It has the number twice: one changed byte must not make it the name of another request. */
export function requestId(number: number, at: number): string {
  return `${number}-${at}-${number}`;
}

/** Whether a name is one that `requestId` made, or one of the neighbour, and not what a changed byte made of it. */
export function isRequestId(id: string): boolean {
  return /^(?:(\d+)-\d+-\1|neighbour.*)$/.test(id);
}

/**
 * The same connection for the same seed and number.
 *
 * @param http2Share of the connections speak HTTP/2.
 */
export function randomConnection(seed: number, number: number, http2Share = 0): ConnectionPlan {
  const random = seededRandom(`${seed} ${number}`);
  const pick = picker(random);
  const requests =
    random() < 0.15
      ? []
      : Array.from({ length: 1 + Math.floor(random() ** 2 * 5) }, (_, at) =>
          randomRequest(random, requestId(number, at)),
        );
  if (random() < http2Share) return http2Connection(requests, random);
  const shape = connectionShapes[Math.floor(random() * connectionShapes.length)]!;
  const text = requests.length === 0 ? shape.bytes : requests.map((request) => request.text).join("");
  const isRepeated = random() < 0.02;
  // Requests that are sent many times are not one request that is forwarded many times: they have no name.
  const sent = isRepeated
    ? text
        .replaceAll(/x-request: .*\r\n/g, "")
        .repeat(200)
        .slice(0, 100_000)
    : text;
  let bytes = Buffer.from(sent, "latin1");
  let intactBytes = isRepeated ? 0 : bytes.length;
  if (random() < 0.25) {
    const end = Math.floor(random() * bytes.length);
    intactBytes = Math.min(intactBytes, end);
    bytes = bytes.subarray(0, end);
  }
  if (random() < 0.1 && bytes.length > 0) {
    const at = Math.floor(random() * bytes.length);
    intactBytes = Math.min(intactBytes, at);
    bytes = Buffer.from(bytes);
    bytes[at] = Math.floor(random() * 256);
  }
  return {
    pieces: cutBytes(bytes, random),
    intact: intactOf(requests, intactBytes),
    leaving: pick(["reset", "close", "end"]),
    leavesAfterMs: random() * 60,
    stays: random() < 0.3,
    reads: true,
  };
}

function http2Connection(requests: readonly RandomRequest[], random: Random): ConnectionPlan {
  const pick = picker(random);
  const made = randomHttp2(requests, random);
  let bytes = made.bytes;
  let intactBytes = bytes.length;
  if (random() < 0.2) {
    intactBytes = Math.floor(random() * bytes.length);
    bytes = bytes.subarray(0, intactBytes);
  }
  if (random() < 0.15 && bytes.length > 0) {
    const at = Math.floor(random() * bytes.length);
    intactBytes = Math.min(intactBytes, at);
    bytes = Buffer.from(bytes);
    bytes[at] = Math.floor(random() * 256);
  }
  const reads = random() < 0.9;
  return {
    pieces: cutBytes(bytes, random),
    intact: made.streams.filter(({ end }) => end <= intactBytes).map(({ request }) => request),
    leaving: pick(["reset", "close", "end"]),
    leavesAfterMs: random() * 60,
    stays: reads && random() < 0.3,
    reads,
    streams: new Map(made.streams.map(({ request, stream }) => [request.id, stream])),
  };
}

function intactOf(requests: readonly RandomRequest[], bytes: number): RandomRequest[] {
  const intact: RandomRequest[] = [];
  let end = 0;
  for (const request of requests) {
    end += request.text.length;
    // After a request that can't be read, nothing is known of those behind it.
    if (end > bytes || !request.isWhole) break;
    intact.push(request);
  }
  return intact;
}

/** In one piece, in some, or byte for byte. */
function cutBytes(bytes: Buffer, random: Random): Buffer[] {
  const way = random();
  if (way < 0.6 || bytes.length < 2) return [bytes];
  const size = way < 0.9 ? Math.ceil(bytes.length / (1 + random() * 4)) : Math.max(1, Math.ceil(bytes.length / 60));
  const pieces = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
