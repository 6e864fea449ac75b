import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { type ProbeResponse, parseResponse } from "./probe-response.ts";
import { ClosedBefore, ConnectionClosed, NoResponse } from "./verdict.ts";

/** How long to wait, and how much to read. */
export interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A longer answer is not read. */
const responseBytesMax = 4 * 1024 * 1024;

/** A connection that speaks HTTP/1.1 by hand, since it has to say what no well-behaved client would. */
export interface Connection {
  /** Resolves when the bytes are on their way, or never will be. */
  write(bytes: Buffer): Promise<void>;
  /** The next final answer. @throws NoResponse when it does not come whole, or not in time. */
  readResponse(requestMethod: string): Promise<ProbeResponse>;
  /** Resolves when the first byte has come. @throws NoResponse */
  firstByte(): Promise<void>;
  /** Says that nothing more will be sent, and resolves when the server has ended the connection, too. @throws NoResponse */
  end(): Promise<void>;
  /** Closes in good order. */
  close(): void;
  /** Ends the connection with a reset, as a client that has died. */
  reset(): void;
}

/** @throws NoResponse when the server can't be reached in time. */
export async function openConnection(url: URL, limits: Limits): Promise<Connection> {
  const socket = await openSocket(url, limits);
  let received: Buffer = Buffer.alloc(0);
  let end: NoResponse | undefined;
  let wake = Promise.withResolvers<void>();

  const notify = (change: () => void): void => {
    change();
    wake.resolve();
    wake = Promise.withResolvers();
  };
  socket.on("data", (chunk: Buffer) => notify(() => (received = Buffer.concat([received, chunk]))));
  socket.on("error", ({ message }) =>
    notify(() => (end ??= new ConnectionClosed(`no whole answer: the connection broke: ${message}`))),
  );
  socket.on("close", () =>
    notify(() => (end ??= new ConnectionClosed("no whole answer: the server closed the connection"))),
  );

  /** Looks again whenever something has come, until there is what is sought. */
  const waitFor = async <Value>(seek: () => Value | undefined): Promise<Value> => {
    const stop = AbortSignal.any([AbortSignal.timeout(limits.timeoutMs), limits.signal]);
    const onStop = (): void => notify(() => (end ??= new NoResponse(`no whole answer within ${limits.timeoutMs} ms`)));
    stop.addEventListener("abort", onStop);
    try {
      for (;;) {
        const found = seek();
        if (found !== undefined) return found;
        if (end !== undefined) throw closedAs(end, received.length);
        if (received.length > responseBytesMax)
          throw new NoResponse(`an answer of more than ${responseBytesMax} bytes`);
        await wake.promise;
      }
    } finally {
      stop.removeEventListener("abort", onStop);
    }
  };

  return {
    // A connection that broke shows itself where its answer is awaited.
    write: (bytes) => new Promise((resolve) => socket.write(bytes, () => resolve())),
    async readResponse(requestMethod) {
      try {
        const { response, length } = await waitFor(() =>
          parseResponse(received, end instanceof ConnectionClosed, requestMethod),
        );
        received = received.subarray(length);
        return response;
      } catch (error) {
        socket.destroy();
        throw error;
      }
    },
    firstByte: () => waitFor(() => (received.length > 0 ? true : undefined)).then(() => undefined),
    async end() {
      socket.end();
      await waitFor(() => (end instanceof ConnectionClosed ? true : undefined));
    },
    close: () => void socket.destroy(),
    reset: () => void socket.resetAndDestroy(),
  };
}

/** An end before the first byte of a response may be no more than the end of a connection. */
const closedAs = (end: NoResponse, received: number): NoResponse =>
  end instanceof ConnectionClosed && received === 0 ? new ClosedBefore(end.message) : end;

async function openSocket(url: URL, { timeoutMs, signal }: Limits): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isTls = url.protocol === "https:";
  const port = Number(url.port) || (isTls ? 443 : 80);
  const socket = isTls
    ? (await import("node:tls")).connect({
        host,
        port,
        ALPNProtocols: ["http/1.1"],
        ...(/[a-z]/i.test(host) && { servername: host }),
      })
    : connectTcp({ host, port });
  socket.setNoDelay(true);
  try {
    const until = AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]);
    await once(socket, isTls ? "secureConnect" : "connect", { signal: until });
    return socket;
  } catch (error) {
    socket.on("error", () => undefined).destroy();
    const { message, code = message } = error as NodeJS.ErrnoException;
    throw new NoResponse(code === "ABORT_ERR" ? `no connection within ${timeoutMs} ms` : `no connection: ${code}`);
  }
}
