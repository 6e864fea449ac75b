import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** Ends the body of every request, so that a server on bare sockets knows that it has read all of it. */
export const bodyEnd = "--end of body--";

/** A server on real sockets that misbehaves, and knows what reached it. */
export interface Origin extends AsyncDisposable {
  readonly port: number;
  /** How many POST requests it has seen at least the beginning of, after any decryption. */
  readonly arrived: number;
}

/** A server's treatment of one connection. */
export type Treatment = (connection: Connection) => void;

/** A connection as its treatment sees it. */
export interface Connection {
  /** The socket; its handshake is done where the server speaks TLS. */
  readonly socket: Socket;
  /** The TCP connection below; the same as `socket` where the server speaks no TLS. */
  readonly transport: Socket;
  /** Resolves, with its method, when the head of the first request has come. */
  readonly head: Promise<string>;
  /** Resolves when a request has come, its body included. */
  readonly request: Promise<void>;
}

/** Listens on 127.0.0.1. With `tls`, the treatment gets connections after their handshake. */
export async function listen(treat: Treatment, tls?: TlsOptions): Promise<Origin> {
  let arrived = 0;
  const transports = new Set<Socket>();
  const serve = (socket: Socket, transport: Socket): void => {
    const head = Promise.withResolvers<string>();
    const request = Promise.withResolvers<void>();
    let text = "";
    socket.on("error", ignore).on("data", (bytes) => {
      const before = posts(text);
      text += bytes.toString("latin1");
      arrived += posts(text) - before;
      if (text.includes("\r\n\r\n")) head.resolve(text.slice(0, text.indexOf(" ")));
      if (text.includes(bodyEnd)) request.resolve();
    });
    treat({ socket, transport, head: head.promise, request: request.promise });
  };
  const server = createServer((transport) => {
    transports.add(transport);
    transport.on("error", ignore).once("close", () => transports.delete(transport));
    if (tls === undefined) return serve(transport, transport);
    createTlsServer(tls, (socket) => serve(socket, transport)).emit("connection", transport);
  });
  await listening(server);
  return {
    port: portOf(server),
    get arrived() {
      return arrived;
    },
    async [Symbol.asyncDispose]() {
      for (const transport of transports) transport.destroy();
      await closed(server);
    },
  };
}

/** A port without a listener. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await listening(server);
  const port = portOf(server);
  await closed(server);
  return port;
}

export async function listening(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

export async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

const posts = (text: string): number => text.split("POST /").length - 1;

/** Connections that break are what the tests ask for. */
const ignore = (): void => undefined;
