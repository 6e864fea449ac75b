import { Agent, request } from "node:http";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { account, pathOf, type Policy, shopHost } from "./orders.ts";

/** One operation: a key, and the route that it is sent to. */
export interface Order {
  readonly key: string;
  readonly policy: Policy;
}

/** How an order ended for its caller: with an answer, or named as unknown. */
export type OrderEnd = { readonly answer: string } | "unknown" | "open";

/** The counts of callers. */
export interface CallerCounts {
  /** Answers by their status; `none`: the connection broke, or no server listened. */
  readonly answers: Record<string, number>;
  /** Answers by the port that they came from. */
  readonly ofPort: Map<number, number>;
  replays: number;
  /** Attempts by HTTP/2: every other one of each order. */
  http2: number;
}

/** How long a caller waits between two attempts, milliseconds. */
const pauseMs = 50;

/** An order that so many answers did not end has no end, nor has one that so many attempts did not. A dead gateway answers nothing. */
const answersMax = 1200;
const attemptsMax = 20_000;

/** So far: half of the orders begin by HTTP/2. */
let begun = 0;

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

interface Response {
  readonly status: number;
  readonly text: string;
  readonly isReplay: boolean;
}

/** Sends an order until its outcome is known, or said to be unknown. A held one stays held: a person settles it. */
export async function send({ key, policy }: Order, portOf: () => number, counts: CallerCounts): Promise<OrderEnd> {
  let isHttp2 = begun++ % 2 === 1;
  let answers = 0;
  for (let sent = 0; sent < attemptsMax && answers < answersMax; await setTimeout(pauseMs)) {
    const port = portOf();
    if (isHttp2) counts.http2 += 1;
    const response = await (isHttp2 ? attemptByHttp2 : attempt)(port, key, policy).catch(() => undefined);
    isHttp2 = !isHttp2;
    sent += 1;
    if (response !== undefined) {
      answers += 1;
      counts.ofPort.set(port, (counts.ofPort.get(port) ?? 0) + 1);
    }
    const status = String(response?.status ?? "none");
    counts.answers[status] = (counts.answers[status] ?? 0) + 1;
    if (response?.isReplay) counts.replays += 1;
    if (response !== undefined && response.status < 300) return { answer: response.text };
    if (policy === "hold" && response?.text.includes("ONCE_OUTCOME_UNKNOWN")) return "unknown";
  }
  return "open";
}

function attempt(port: number, key: string, policy: Policy): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const body = JSON.stringify({ key });
  const headers = {
    host: shopHost,
    "idempotency-key": key,
    [account.name]: account.value,
    "content-length": body.length,
  };
  const sent = request({ agent, port, host: "127.0.0.1", method: "POST", path: pathOf(policy), headers });
  sent.once("error", reject);
  sent.once("response", (response) => {
    const { statusCode: status = 0 } = response;
    const isReplay = response.headers["idempotent-replayed"] === "true";
    text(response).then((whole) => resolve({ status, text: whole, isReplay }), reject);
  });
  sent.end(body);
  return promise;
}

/** The connections that speak HTTP/2, by their gateway's port. */
const sessions = new Map<number, ClientHttp2Session>();

function sessionTo(port: number): ClientHttp2Session {
  const open = sessions.get(port);
  if (open !== undefined && !open.closed && !open.destroyed) return open;
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => session.destroy());
  // It does not keep the run from its end.
  session.unref();
  sessions.set(port, session);
  return session;
}

function attemptByHttp2(port: number, key: string, policy: Policy): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const stream = sessionTo(port).request({
    ":method": "POST",
    ":path": pathOf(policy),
    ":authority": shopHost,
    "idempotency-key": key,
    [account.name]: account.value,
  });
  let head: IncomingHttpHeaders = {};
  stream.once("error", reject);
  stream.once("response", (headers: IncomingHttpHeaders) => (head = headers));
  const statusOf = (): number => (head as { ":status"?: number })[":status"] ?? 0;
  // A killed gateway ends all streams, some of them without an error, and without a status.
  stream.once("close", () => {
    if (statusOf() === 0 || stream.rstCode !== 0) reject(new Error("The stream was cut."));
  });
  text(stream).then((whole) => {
    resolve({ status: statusOf(), text: whole, isReplay: head["idempotent-replayed"] === "true" });
  }, reject);
  stream.end(JSON.stringify({ key }));
  return promise;
}
