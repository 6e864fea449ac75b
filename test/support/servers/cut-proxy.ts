import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy in front of a port of 127.0.0.1. A test counts, cuts and overhears its connections. */
export interface CutProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * Cuts a connection once: when an answer comes, before any of it is handed on, so that what was asked for is done.
   *
   * @param question what must have been asked on that connection before; default anything.
   * @param onCut is called when it is cut.
   */
  cutNextAnswer(question?: string, onCut?: () => void): void;
  /** Cuts a connection once: in the answer to this, so many bytes before its end. */
  cutWithinAnswer(question: string, bytesLeft: number): void;
  /**
   * Cuts a connection once: when this is asked on it, before any of that is handed on, so that it is not done.
   *
   * @param onCut is called when it is cut.
   */
  cutNextQuestion(question: string, onCut?: () => void): void;
  /** Calls once, when this is asked, which is handed on. The answer can be held: by `pause()` of the server's socket. */
  onNextQuestion(question: string, call: (server: Socket) => void): void;
  /** How many answers were cut. */
  readonly answersCut: number;
  /** How often a client spoke since it was last answered, over all connections: round trips. */
  trips(): number;
  /** Overhears what is sent from now on; the function returns the first group of every match so far. */
  listen(pattern: RegExp): () => string[];
  /**
   * Cuts every connection, and each new one at once, until `heal()`.
   *
   * @param from the address that they come from; default any.
   */
  cut(from?: string): void;
  heal(): void;
  /** Swallows from now on what either side sends over the connections that are there. New ones work. */
  silence(): void;
}

/**
 * Starts a proxy.
 *
 * @param upstream the port behind it; a function is asked anew for each connection, and so spreads them.
 * @param options.resets whether the server gets a reset for each connection that ends, and not its end; default `false`.
 */
export async function cutProxy(
  upstream: number | (() => number),
  { resets = false }: { readonly resets?: boolean | undefined } = {},
): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  const anywhere = "";
  const cutFrom = new Set<string>();
  const isCut = (near: Socket): boolean => cutFrom.has(anywhere) || cutFrom.has(near.remoteAddress ?? anywhere);
  const silent = new WeakSet<Socket>();
  const overhearing = new Set<(bytes: Buffer) => void>();
  let awaited: { question: string; onCut: () => void; bytesLeft?: number } | undefined;
  let unwanted: typeof awaited;
  let expected: { question: string; call: (server: Socket) => void } | undefined;
  let answersCut = 0;
  let trips = 0;

  const server = createServer((near) => {
    const far = connect(typeof upstream === "number" ? upstream : upstream(), "127.0.0.1");
    let isAnswered = true;
    let answerCut: typeof awaited;
    const end = (): void => {
      if (resets) far.resetAndDestroy();
      for (const socket of [near, far]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", end).on("close", end);
    }
    if (isCut(near)) end();
    near.on("data", (bytes) => {
      if (silent.has(near)) return;
      if (isAnswered) trips += 1;
      isAnswered = false;
      for (const hear of overhearing) hear(bytes);
      if (unwanted !== undefined && bytes.includes(unwanted.question)) {
        unwanted.onCut();
        unwanted = undefined;
        end();
        return;
      }
      if (awaited !== undefined && bytes.includes(awaited.question)) {
        answerCut = awaited;
        awaited = undefined;
      }
      far.write(bytes);
      if (expected !== undefined && bytes.includes(expected.question)) {
        const { call } = expected;
        expected = undefined;
        call(far);
      }
    });
    far.on("data", (bytes) => {
      if (silent.has(far)) return;
      isAnswered = true;
      if (answerCut === undefined) {
        near.write(bytes);
        return;
      }
      answersCut += 1;
      answerCut.onCut();
      if (answerCut.bytesLeft === undefined) return end();
      silent.add(far);
      near.end(bytes.subarray(0, bytes.length - answerCut.bytesLeft), end);
    });
  });

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cutNextAnswer: (question = "", onCut = () => undefined) => void (awaited = { question, onCut }),
    cutWithinAnswer: (question, bytesLeft) => void (awaited = { question, onCut: () => undefined, bytesLeft }),
    cutNextQuestion: (question, onCut = () => undefined) => void (unwanted = { question, onCut }),
    onNextQuestion: (question, call) => void (expected = { question, call }),
    get answersCut() {
      return answersCut;
    },
    trips: () => trips,
    listen(pattern) {
      let sent = "";
      overhearing.add((bytes) => void (sent += bytes.toString("latin1")));
      return () => Array.from(sent.matchAll(pattern), ([, group]) => group!);
    },
    cut(from = anywhere) {
      cutFrom.add(from);
      // The far ends follow.
      for (const socket of sockets) if (isCut(socket)) socket.destroy();
    },
    heal: () => cutFrom.clear(),
    silence() {
      for (const socket of sockets) silent.add(socket);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
