import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { containErrors } from "../contain-errors.ts";
import type { RawHeaders } from "../forward-headers.ts";
import type { GatewayLimits } from "../gateway-limits.ts";
import { carryStream, headBytesMax } from "./carry-stream.ts";
import { LocalConnection } from "./local-connection.ts";
import { sessionPace } from "./session-pace.ts";

/** How many streams of one connection may be open; RFC 9113, section 6.5.2, advises 100 at least. */
const streamsMax = 100;

/** The options of sessions. What is not here is bounded by nghttp2: frames of SETTINGS, PING, CONTINUATION, and invalid ones. */
const sessionOptions = {
  // `maxHeaderListSize` is advice to callers; the parser of HTTP/1.1 refuses what is larger.
  settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: headBytesMax, enablePush: false },
  // As many as can be in a head of that size.
  maxHeaderListPairs: headBytesMax / 32,
  // Streams that their caller resets, at once and per second (CVE-2023-44487). A proxy passes on that its callers left.
  streamResetBurst: 500,
  streamResetRate: 250,
  // HTTP/1.1 sends repeated headers as the service does.
  strictSingleValueFields: false,
};

/** The connections of callers that speak HTTP/2. */
export class Http2Callers {
  readonly #serve: (connection: Duplex) => void;
  readonly #limits: () => GatewayLimits;
  readonly #sessions = new Set<ServerHttp2Session>();
  #isClosing = false;

  /**
   * @param serve serves a connection of HTTP/1.1: each stream gets one.
   * @param limits those in force now.
   */
  constructor(serve: (connection: Duplex) => void, limits: () => GatewayLimits) {
    this.#serve = serve;
    this.#limits = limits;
  }

  /** Takes a connection of which nothing was read, or all was given back. */
  add(socket: Socket): void {
    const session = performServerHandshake(socket, sessionOptions);
    this.#sessions.add(session);
    // Node aborts when a session is destroyed within an event of that session.
    const refuse = (): void =>
      session.destroy(new Error("Too many small frames."), constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const pace = sessionPace(() => setImmediate(refuse));
    const idle = idleTimer(session, () => this.#limits().headMs);
    session.once("close", () => {
      this.#sessions.delete(session);
      pace.end();
      idle.end();
    });
    // Its streams have closed, and their requests with them.
    session.on("error", () => undefined);
    session.on(
      "stream",
      (stream: ServerHttp2Stream, _headers: IncomingHttpHeaders, flags: number, rawHeaders: RawHeaders) => {
        stream.on("error", () => undefined);
        idle.add(stream);
        containErrors(
          () => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
          () => {
            const [caller, server] = LocalConnection.pair(socket);
            caller.on("error", () => undefined);
            carryStream({ stream, flags, rawHeaders }, caller, { idleMs: this.#limits().idleMs, pace });
            if (!caller.destroyed) this.#serve(server);
          },
        )();
      },
    );
    if (this.#isClosing) session.close();
  }

  /** Takes no new streams: the running ones end, and each connection with its last one. */
  close(): void {
    this.#isClosing = true;
    for (const session of this.#sessions) session.close();
  }

  /** Cuts off what is left. */
  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }
}

/** Closes a session that has had no stream for a time, whatever else it sends. */
function idleTimer(
  session: ServerHttp2Session,
  ms: () => number,
): { add(stream: ServerHttp2Stream): void; end(): void } {
  let open = 0;
  const close = (): void => {
    session.close();
    // Half a head holds a session that is closed.
    setImmediate(() => {
      if (open === 0 && !session.destroyed) session.destroy();
    });
  };
  const start = (): NodeJS.Timeout => setTimeout(close, ms()).unref();
  let timer = start();
  return {
    add(stream) {
      open += 1;
      clearTimeout(timer);
      stream.once("close", () => {
        open -= 1;
        if (open === 0 && !session.destroyed) timer = start();
      });
    },
    end: () => clearTimeout(timer),
  };
}
