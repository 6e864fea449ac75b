import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy in front of a port of 127.0.0.1, whose connections a test cuts and overhears. */
export interface CutProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * Cuts a connection once: when an answer comes, before any of it is handed on, so that what was asked for is done.
   *
   * @param question what somebody must have asked before; default anything.
   */
  cutNextAnswer(question?: string): void;
  /** How many answers were cut. */
  readonly answersCut: number;
  /** Overhears what is sent from now on; the function returns the first group of every match so far. */
  listen(pattern: RegExp): () => string[];
  /**
   * Cuts every connection, and each new one at once, until `heal()`.
   *
   * @param from the address that they come from; default any.
   */
  cut(from?: string): void;
  heal(): void;
}

/** Starts a proxy to a port. */
export async function cutProxy(port: number): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  const anywhere = "";
  const cutFrom = new Set<string>();
  const isCut = (near: Socket): boolean => cutFrom.has(anywhere) || cutFrom.has(near.remoteAddress ?? anywhere);
  let awaited: string | undefined;
  let isAnswerNext = false;
  let answersCut = 0;
  let sent = "";

  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    const end = (): void => {
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
      const text = bytes.toString("latin1");
      sent += text;
      if (awaited !== undefined && text.includes(awaited)) isAnswerNext = true;
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      if (isAnswerNext) {
        awaited = undefined;
        isAnswerNext = false;
        answersCut += 1;
        end();
      } else near.write(bytes);
    });
  });
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cutNextAnswer: (question = "") => void (awaited = question),
    get answersCut() {
      return answersCut;
    },
    listen(pattern) {
      const from = sent.length;
      return () => Array.from(sent.slice(from).matchAll(pattern), ([, group]) => group!);
    },
    cut(from = anywhere) {
      cutFrom.add(from);
      // The far ends follow.
      for (const socket of sockets) if (isCut(socket)) socket.destroy();
    },
    heal: () => cutFrom.clear(),
    async [Symbol.asyncDispose]() {
      cutAll();
      server.close();
      await once(server, "close");
    },
  };
}
