import { setTimeout as pause } from "node:timers/promises";
import type { ProbeResponse } from "./probe-response.ts";
import { type Connection, openConnection, type Limits } from "./connection.ts";
import { type TestRequest, withHeaders, writeRequest } from "./test-request.ts";
import { ClosedBefore, ConnectionClosed, NoResponse, NotApplicable } from "./verdict.ts";

/** How requests are sent. Each brings an answer to each request, except where it says otherwise. */
export type SendMode =
  /** One after the other, each over a separate connection. */
  | "in-turn"
  /** One after the other, over one connection as long as the server keeps it, and then over another one. */
  | "keep-alive"
  /** All over one connection, without waiting for answers (RFC 9112, section 9.3.2); may bring fewer answers. */
  | "pipelined"
  /** Each over a separate connection; all are there but for their last byte, and then these leave at once (last-byte synchronization). */
  | "together"
  /** Each over a separate connection, a few milliseconds apart. */
  | "staggered"
  /** In small pieces with pauses. */
  | "in-pieces"
  /** With `Expect: 100-continue`, and the body after a pause at most (RFC 9110, section 10.1.1). */
  | "expect-continue"
  /** Whole, and the connection closed before an answer: brings none. */
  | "then-close"
  /** Whole, and the connection reset before an answer: brings none. */
  | "then-reset"
  /** Whole, and the connection reset at the first byte of the answer: brings none. */
  | "reset-in-answer"
  /** Half of the body, and then the connection ended: brings none. */
  | "half-then-close"
  /**
   * Half of the first request, which then stands still, while the second is sent whole: brings the second's answer. Not applicable to a
   * server that serves one connection at a time.
   */
  | "beside-a-stalled";

/** Requests that are sent together, and how. */
export interface Sending {
  readonly mode: SendMode;
  readonly requests: readonly TestRequest[];
}

/** Sends requests in the mode they ask for, and brings their answers. @throws NoResponse */
export type Sender = (sending: Sending) => Promise<ProbeResponse[]>;

interface Host {
  readonly host: string;
  open(): Promise<Connection>;
  readonly limits: Limits;
}

/** Sends over sockets to a server. The path of the URL does not matter. */
export function socketSender(url: URL, limits: Limits): Sender {
  const line: Host = { host: url.host, limits, open: () => openConnection(url, limits) };
  return async ({ mode, requests }) => {
    limits.signal.throwIfAborted();
    return modes[mode](line, requests);
  };
}

type Send = (line: Host, requests: readonly TestRequest[]) => Promise<ProbeResponse[]>;

/** How far apart staggered requests leave, and pieces of one, milliseconds. */
const staggerMs = 5;

/** How many pieces a request is cut into. */
const pieceCount = 8;

const modes: Readonly<Record<SendMode, Send>> = {
  "in-turn": async (line, requests) => {
    const responses: ProbeResponse[] = [];
    for (const request of requests) responses.push(await sendAlone(line, request));
    return responses;
  },

  "keep-alive": async (line, requests) => {
    const responses: ProbeResponse[] = [];
    let open: Connection | undefined;
    try {
      for (const request of requests) {
        const { connection, response } = await sendOver(line, request, open);
        responses.push(response);
        open = connection;
      }
      return responses;
    } finally {
      open?.close();
    }
  },

  pipelined: (line, requests) =>
    useConnection(line, async (connection) => {
      void connection.write(Buffer.concat(requests.map((request) => encodeRequest(line, request))));
      const responses: ProbeResponse[] = [];
      for (const request of requests) {
        const response = await connection.readResponse(request.method).catch((error: unknown) => {
          // A server may close after any answer, and with a reset, which overtakes the answer. What it has not answered, it may not have seen.
          if (error instanceof ConnectionClosed) return undefined;
          throw error;
        });
        if (response === undefined) break;
        responses.push({ ...response, isReused: responses.length > 0 });
      }
      return responses;
    }),

  together: (line, requests) => sendTogether(line, requests),

  staggered: (line, requests) =>
    Promise.all(
      requests.map(async (request, index) => {
        await pause(index * staggerMs);
        return sendAlone(line, request);
      }),
    ),

  "in-pieces": (line, requests) =>
    sendEach(line, requests, async (connection, request) => {
      const bytes = encodeRequest(line, request);
      const size = Math.ceil(bytes.length / pieceCount);
      for (let at = 0; at < bytes.length; at += size) {
        await connection.write(bytes.subarray(at, at + size));
        await pause(staggerMs);
      }
      return connection.readResponse(request.method);
    }),

  "expect-continue": (line, requests) =>
    sendEach(line, requests, async (connection, request) => {
      const { head, body } = writeRequest(withHeaders(request, [["Expect", "100-continue"], close]), line.host);
      void connection.write(head);
      // An interim response, a final one, or none: a caller may also go on without one.
      await waitOptional(line, connection.firstByte());
      void connection.write(body);
      return connection.readResponse(request.method);
    }),

  "then-close": hangUp(readByServer, (connection) => connection.close()),
  "then-reset": hangUp(readByServer, (connection) => connection.reset()),
  "reset-in-answer": hangUp(
    (_line, _requests, connections) => Promise.all(connections.map((connection) => connection.firstByte())),
    (connection) => connection.reset(),
  ),

  "half-then-close": async (line, requests) => {
    for (const request of requests) {
      const connection = await sendHalf(line, request);
      // A server that has seen the end of the request ends the connection, too. Before that, a repeat could overtake the half.
      await waitOptional(line, connection.end());
      connection.close();
    }
    return [];
  },

  "beside-a-stalled": async (line, [stalled, ...others]) => {
    const standing = await sendHalf(line, stalled!);
    try {
      if (!(await readByServer(line, [stalled!])))
        throw new NotApplicable("while one request stands still, the server answers no other connection");
      return await modes["in-turn"](line, others);
    } finally {
      standing.close();
    }
  },
};

const close = ["Connection", "close"] as const;

/** A request as bytes; the connection stays open after it. */
function encodeRequest({ host }: Host, request: TestRequest): Buffer {
  const { head, body } = writeRequest(request, host);
  return Buffer.concat([head, body]);
}

const encodeLastRequest = (line: Host, request: TestRequest): Buffer =>
  encodeRequest(line, withHeaders(request, [close]));

async function useConnection<Value>(line: Host, use: (connection: Connection) => Promise<Value>): Promise<Value> {
  const connection = await line.open();
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

const sendAlone = (line: Host, request: TestRequest): Promise<ProbeResponse> =>
  useConnection(line, (connection) => {
    void connection.write(encodeLastRequest(line, request));
    return connection.readResponse(request.method);
  });

/** Sends over an open connection, or else a new one, and returns it if it stays open. */
async function sendOver(
  line: Host,
  request: TestRequest,
  open?: Connection,
): Promise<{ connection: Connection | undefined; response: ProbeResponse }> {
  const connection = open ?? (await line.open());
  try {
    void connection.write(encodeRequest(line, request));
    const response = { ...(await connection.readResponse(request.method)), isReused: open !== undefined };
    if (!response.isLast) return { connection, response };
    connection.close();
    return { connection: undefined, response };
  } catch (error) {
    connection.close();
    // A server may end a connection after any response, also without having said so.
    if (open !== undefined && error instanceof ClosedBefore) return sendOver(line, request);
    throw error;
  }
}

async function sendEach(
  line: Host,
  requests: readonly TestRequest[],
  send: (connection: Connection, request: TestRequest) => Promise<ProbeResponse>,
): Promise<ProbeResponse[]> {
  const responses: ProbeResponse[] = [];
  for (const request of requests) responses.push(await useConnection(line, (connection) => send(connection, request)));
  return responses;
}

/** Opens a connection for each request, and closes all of them in the end. */
async function useConnections<Value>(
  line: Host,
  requests: readonly TestRequest[],
  use: (connections: readonly Connection[]) => Promise<Value>,
): Promise<Value> {
  const opened = await Promise.allSettled(requests.map(() => line.open()));
  const connections = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  try {
    const refused = opened.find((one) => one.status === "rejected");
    if (refused !== undefined) throw refused.reason;
    return await use(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Holds the last byte of every request back until all others have left, so that the server sees them end together. */
const sendTogether = (line: Host, requests: readonly TestRequest[]): Promise<ProbeResponse[]> =>
  useConnections(line, requests, async (connections) => {
    const bytes = requests.map((request) => encodeLastRequest(line, request));
    await Promise.all(connections.map((connection, index) => connection.write(bytes[index]!.subarray(0, -1))));
    await pause(staggerMs);
    connections.forEach((connection, index) => void connection.write(bytes[index]!.subarray(-1)));
    return Promise.all(connections.map((connection, index) => connection.readResponse(requests[index]!.method)));
  });

type Wait = (line: Host, requests: readonly TestRequest[], connections: readonly Connection[]) => Promise<unknown>;

/** Sends the requests, waits, leaves, and waits until the server has seen that: before, a repeat could overtake both. */
function hangUp(waitFor: Wait, leave: (connection: Connection) => void): Send {
  return async (line, requests) => {
    await useConnections(line, requests, async (connections) => {
      // The server is not to close first.
      await Promise.all(
        connections.map((connection, index) => connection.write(encodeRequest(line, requests[index]!))),
      );
      await waitFor(line, requests, connections);
      connections.forEach(leave);
    });
    await readByServer(line, requests);
    return [];
  };
}

/**
 * Resolves when a later connection was answered: a server that reads its connections in turn has then read all that came
 * before. Nothing but an answer shows that, and on some systems a reset throws away what was not read.
 *
 * @returns whether it was answered.
 */
async function readByServer(line: Host, [request]: readonly TestRequest[]): Promise<boolean> {
  // A safe request for something that is not there, which is answered at once.
  const path = request!.target.split("?", 1)[0]!;
  const target = `${path}${path.endsWith("/") ? "" : "/"}verify-turn`;
  const later: TestRequest = { method: "GET", target, headers: [], body: Buffer.alloc(0), framing: "length" };
  return waitOptional(line, sendAlone(line, later));
}

/**
 * Waits for what a server may also leave out, for a quarter of the time that an answer has.
 *
 * @returns whether it happened.
 */
async function waitOptional({ limits }: Host, happens: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  try {
    const tooLate = pause(limits.timeoutMs / 4, false, { signal: timer.signal });
    return await Promise.race([happens.then(() => true), tooLate]);
  } catch (error) {
    if (!(error instanceof NoResponse)) throw error;
    return false;
  } finally {
    timer.abort();
  }
}

/** Opens a connection and sends the head and half of the body. */
async function sendHalf(line: Host, request: TestRequest): Promise<Connection> {
  const connection = await line.open();
  const { head, body } = writeRequest(request, line.host);
  await connection.write(Buffer.concat([head, body.subarray(0, Math.floor(body.length / 2))]));
  await pause(staggerMs);
  return connection;
}
