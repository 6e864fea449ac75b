import { once } from "node:events";
import { connect } from "node:net";
import { order, path, status } from "./exchange.ts";

/** One connection to a server: one request at a time. */
export interface Caller {
  /** Sends the order under a key, and resolves when the whole answer is here. */
  post: (key: string) => Promise<void>;
  end: () => void;
}

const startOfAnswer = `HTTP/1.1 ${status} `;

/**
 * Connects. The requests are written as they are: the caller must cost little beside the server that is measured.
 *
 * @param header one more line of each request.
 */
export async function caller(port: number, header?: string): Promise<Caller> {
  const more = header === undefined ? "" : `${header}\r\n`;
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  let received = "";
  let waiting: PromiseWithResolvers<void> | undefined;

  const fail = (why: string): void => waiting?.reject(new Error(why));
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    const length = lengthOf(received);
    if (length === undefined || received.length < length) return;
    if (!received.startsWith(startOfAnswer)) return fail(`The server answered: ${received}`);
    received = received.slice(length);
    waiting?.resolve();
  });
  socket.on("error", (error) => fail(String(error)));
  socket.on("close", () => fail("The server closed a connection."));

  return {
    post(key) {
      waiting = Promise.withResolvers<void>();
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n` +
          `${more}idempotency-key: ${key}\r\ncontent-length: ${order.length}\r\n\r\n${order}`,
      );
      return waiting.promise;
    },
    end: () => socket.destroy(),
  };
}

/** The length of the response that has begun to arrive; `undefined` as long as its headers are not complete. */
function lengthOf(received: string): number | undefined {
  const headersEnd = received.indexOf("\r\n\r\n");
  if (headersEnd < 0) return undefined;
  const head = received.slice(0, headersEnd + 2);
  if (/^transfer-encoding: chunked\r$/im.test(head)) return lengthOfChunked(received);
  const declared = /^content-length: (\d+)\r$/im.exec(head);
  if (declared === null) throw new Error(`An answer without its length: ${received}`);
  return headersEnd + 4 + Number(declared[1]);
}

/** As Next.js sends a response that does not name its length. The body is JSON on one line: only the last chunk looks so. */
function lengthOfChunked(received: string): number | undefined {
  const lastChunk = received.indexOf("\r\n0\r\n\r\n");
  return lastChunk < 0 ? undefined : lastChunk + 7;
}
