import { setTimeout as pause } from "node:timers/promises";
import type { Answer } from "./answer.ts";
import { type Connection, connection, type Limits } from "./connection.ts";
import type { SendMode, Sending } from "./sending.ts";
import { type TestRequest, withHeaders, writeRequest } from "./test-request.ts";
import { Closed } from "./verdict.ts";

/** Sends requests in the mode they ask for, and brings their answers. @throws NoAnswer */
export type Wire = (sending: Sending) => Promise<Answer[]>;

interface Line {
  readonly host: string;
  open(): Promise<Connection>;
  readonly limits: Limits;
}

/** A wire to a server, over sockets. The path of the URL does not matter. */
export function socketWire(url: URL, limits: Limits): Wire {
  const line: Line = { host: url.host, limits, open: () => connection(url, limits) };
  return async ({ mode, requests }) => {
    limits.signal.throwIfAborted();
    return modes[mode](line, requests);
  };
}

type Send = (line: Line, requests: readonly TestRequest[]) => Promise<Answer[]>;

/** How far apart staggered requests leave, and pieces of one, milliseconds. */
const staggerMs = 5;

/** How many pieces a request is cut into. */
const pieces = 8;

const modes: Readonly<Record<SendMode, Send>> = {
  "in-turn": async (line, requests) => {
    const answers: Answer[] = [];
    for (const request of requests) answers.push(await alone(line, request));
    return answers;
  },

  "kept-alive": (line, requests) =>
    over(line, async (connection) => {
      const answers: Answer[] = [];
      for (const request of requests) {
        void connection.write(whole(line, request));
        answers.push(await connection.answer(request.method));
      }
      return answers;
    }),

  pipelined: (line, requests) =>
    over(line, async (connection) => {
      void connection.write(Buffer.concat(requests.map((request) => whole(line, request))));
      const answers: Answer[] = [];
      for (const request of requests) {
        const answer = await connection.answer(request.method).catch((error: unknown) => {
          // A server may close after any answer; what it has not answered, it may not have seen.
          if (error instanceof Closed && answers.length > 0) return undefined;
          throw error;
        });
        if (answer === undefined) break;
        answers.push(answer);
      }
      return answers;
    }),

  together: (line, requests) => atOnce(line, requests),

  staggered: (line, requests) =>
    Promise.all(
      requests.map(async (request, index) => {
        await pause(index * staggerMs);
        return alone(line, request);
      }),
    ),

  "in-pieces": (line, requests) =>
    each(line, requests, async (connection, request) => {
      const bytes = whole(line, request);
      const size = Math.ceil(bytes.length / pieces);
      for (let at = 0; at < bytes.length; at += size) {
        await connection.write(bytes.subarray(at, at + size));
        await pause(staggerMs);
      }
      return connection.answer(request.method);
    }),

  "expect-continue": (line, requests) =>
    each(line, requests, async (connection, request) => {
      const { head, body } = writeRequest(withHeaders(request, [["Expect", "100-continue"], close]), line.host);
      void connection.write(head);
      // An interim answer, a final one, or none: a caller that is not told to go on may go on all the same.
      await Promise.race([connection.firstByte(), pause(line.limits.timeoutMs / 4)]);
      void connection.write(body);
      return connection.answer(request.method);
    }),

  "then-close": hangUp((connection) => connection.close()),
  "then-reset": hangUp((connection) => connection.reset()),
  "reset-in-answer": hangUp(async (connection) => {
    await connection.firstByte();
    connection.reset();
  }),

  "half-then-close": async (line, requests) => {
    for (const request of requests) (await half(line, request)).close();
    return [];
  },

  "beside-a-stalled": async (line, [stalled, ...others]) => {
    const standing = await half(line, stalled!);
    try {
      return await modes["in-turn"](line, others);
    } finally {
      standing.close();
    }
  },
};

const close = ["Connection", "close"] as const;

/** A request as bytes, on a connection that is to be kept. */
function whole({ host }: Line, request: TestRequest): Buffer {
  const { head, body } = writeRequest(request, host);
  return Buffer.concat([head, body]);
}

const closing = (line: Line, request: TestRequest): Buffer => whole(line, withHeaders(request, [close]));

async function over<Value>(line: Line, use: (connection: Connection) => Promise<Value>): Promise<Value> {
  const connection = await line.open();
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

const alone = (line: Line, request: TestRequest): Promise<Answer> =>
  over(line, (connection) => {
    void connection.write(closing(line, request));
    return connection.answer(request.method);
  });

async function each(
  line: Line,
  requests: readonly TestRequest[],
  send: (connection: Connection, request: TestRequest) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const request of requests) answers.push(await over(line, (connection) => send(connection, request)));
  return answers;
}

/** Holds the last byte of every request back until all others have left, so that the server sees them end together. */
async function atOnce(line: Line, requests: readonly TestRequest[]): Promise<Answer[]> {
  const opened = await Promise.allSettled(requests.map(() => line.open()));
  const connections = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  try {
    const refused = opened.find((one) => one.status === "rejected");
    if (refused !== undefined) throw refused.reason;
    const bytes = requests.map((request) => closing(line, request));
    await Promise.all(connections.map((connection, index) => connection.write(bytes[index]!.subarray(0, -1))));
    await pause(staggerMs);
    connections.forEach((connection, index) => void connection.write(bytes[index]!.subarray(-1)));
    return await Promise.all(connections.map((connection, index) => connection.answer(requests[index]!.method)));
  } finally {
    for (const connection of connections) connection.close();
  }
}

function hangUp(leave: (connection: Connection) => void | Promise<void>): Send {
  return async (line, requests) => {
    await Promise.all(
      requests.map((request) =>
        over(line, async (connection) => {
          // The server is not to close first.
          await connection.write(whole(line, request));
          // So that the request is read before the news that its caller is gone: a reset throws away what was not.
          await pause(staggerMs);
          await leave(connection);
        }),
      ),
    );
    return [];
  };
}

/** Opens a connection and sends the head and half of the body. */
async function half(line: Line, request: TestRequest): Promise<Connection> {
  const connection = await line.open();
  const { head, body } = writeRequest(request, line.host);
  await connection.write(Buffer.concat([head, body.subarray(0, Math.floor(body.length / 2))]));
  await pause(staggerMs);
  return connection;
}
