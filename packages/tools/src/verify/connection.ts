import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Answer, parseAnswer } from "./answer.ts";
import { Closed, NoAnswer } from "./verdict.ts";

/** How long to wait, and how much to read. */
export interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A longer answer is not read. */
const answerBytesMax = 4 * 1024 * 1024;

/** A connection that speaks HTTP/1.1 by hand, since it has to say what no well-behaved client would. */
export interface Connection {
  /** Resolves when the bytes are on their way, or never will be. */
  write(bytes: Buffer): Promise<void>;
  /** The next final answer. @throws NoAnswer when it does not come whole, or not in time. */
  answer(requestMethod: string): Promise<Answer>;
  /** Resolves when the first byte has come. @throws NoAnswer */
  firstByte(): Promise<void>;
  /** Closes in good order. */
  close(): void;
  /** Tells the server with a reset that nobody is here any more. */
  reset(): void;
}

/** @throws NoAnswer when the server can't be reached in time. */
export async function connection(url: URL, limits: Limits): Promise<Connection> {
  const socket = await opened(url, limits);
  let received: Buffer = Buffer.alloc(0);
  let end: NoAnswer | undefined;
  let wake = Promise.withResolvers<void>();

  const changed = (change: () => void): void => {
    change();
    wake.resolve();
    wake = Promise.withResolvers();
  };
  socket.on("data", (chunk: Buffer) => changed(() => (received = Buffer.concat([received, chunk]))));
  socket.on("error", ({ message }) =>
    changed(() => (end ??= new Closed(`no whole answer: the connection broke: ${message}`))),
  );
  socket.on("close", () => changed(() => (end ??= new Closed("no whole answer: the server closed the connection"))));

  /** Looks again whenever something has come, until there is what is sought. */
  const awaited = async <Found>(seek: () => Found | undefined): Promise<Found> => {
    const stop = AbortSignal.any([AbortSignal.timeout(limits.timeoutMs), limits.signal]);
    const onStop = (): void => changed(() => (end ??= new NoAnswer(`no whole answer within ${limits.timeoutMs} ms`)));
    stop.addEventListener("abort", onStop);
    try {
      for (;;) {
        const found = seek();
        if (found !== undefined) return found;
        if (end !== undefined) throw end;
        if (received.length > answerBytesMax) throw new NoAnswer(`an answer of more than ${answerBytesMax} bytes`);
        await wake.promise;
      }
    } finally {
      stop.removeEventListener("abort", onStop);
    }
  };

  return {
    // A connection that broke shows itself where its answer is awaited.
    write: (bytes) => new Promise((resolve) => socket.write(bytes, () => resolve())),
    async answer(requestMethod) {
      try {
        const { answer, length } = await awaited(() => parseAnswer(received, end instanceof Closed, requestMethod));
        received = received.subarray(length);
        return answer;
      } catch (error) {
        socket.destroy();
        throw error;
      }
    },
    firstByte: () => awaited(() => (received.length > 0 ? true : undefined)).then(() => undefined),
    close: () => void socket.destroy(),
    reset: () => void socket.resetAndDestroy(),
  };
}

async function opened(url: URL, { timeoutMs, signal }: Limits): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isTls = url.protocol === "https:";
  const port = Number(url.port) || (isTls ? 443 : 80);
  const socket = isTls
    ? connectTls({ host, port, ALPNProtocols: ["http/1.1"], ...(/[a-z]/i.test(host) && { servername: host }) })
    : connectTcp({ host, port });
  socket.setNoDelay(true);
  try {
    const until = AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]);
    await once(socket, isTls ? "secureConnect" : "connect", { signal: until });
    return socket;
  } catch (error) {
    socket.on("error", () => undefined).destroy();
    const { message, code = message } = error as NodeJS.ErrnoException;
    throw new NoAnswer(code === "ABORT_ERR" ? `no connection within ${timeoutMs} ms` : `no connection: ${code}`);
  }
}
