import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { connect } from "node:http2";

/** The request to send; by default a new order of tea. */
export interface Sent {
  method?: string;
  path?: string;
  /** An empty one is not sent. */
  key?: string | string[];
  body?: string | Buffer;
  headers?: Record<string, string>;
}

/** An answer as it came over the wire: no client has decoded or joined anything. */
export interface Received {
  status: number;
  headers: IncomingHttpHeaders;
  trailers: Record<string, string | undefined>;
  body: Buffer;
  text: string;
  replayed: boolean;
}

/** Sends one request on a separate connection. */
export async function exchange(url: string, sent: Sent = {}): Promise<Received> {
  const { method = "POST", path = "/v1/orders", key = "order-7", body = '{"item":"tea"}', headers = {} } = sent;
  const outgoing = request(url + path, {
    method,
    agent: false,
    headers: {
      "content-type": "application/json",
      ...(key === "" ? {} : { "idempotency-key": key }),
      ...(method === "GET" || method === "OPTIONS" ? {} : { "content-length": String(Buffer.byteLength(body)) }),
      ...headers,
    },
  });
  outgoing.end(method === "GET" || method === "OPTIONS" ? undefined : body);
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  const bytes = Buffer.concat((await Array.fromAsync(incoming)) as Buffer[]);
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    trailers: incoming.trailers,
    body: bytes,
    text: bytes.toString(),
    replayed: incoming.headers["idempotent-replayed"] === "true",
  };
}

/** The same over HTTP/2. */
export async function exchangeHttp2(url: string, sent: Sent = {}): Promise<Received> {
  const { method = "POST", path = "/v1/orders", key = "order-7", body = '{"item":"tea"}', headers = {} } = sent;
  const session = connect(url);
  try {
    const stream = session.request({
      ":method": method,
      ":path": path,
      "content-type": "application/json",
      "idempotency-key": key,
      ...headers,
    });
    const trailers: Record<string, string | undefined> = {};
    stream.on("trailers", (given: object) => Object.assign(trailers, given));
    stream.end(body);
    const [{ ":status": status, ...received }] = (await once(stream, "response")) as [Record<string, unknown>];
    const bytes = Buffer.concat((await Array.fromAsync(stream)) as Buffer[]);
    return {
      status: Number(status),
      headers: received as IncomingHttpHeaders,
      trailers,
      body: bytes,
      text: bytes.toString(),
      replayed: received["idempotent-replayed"] === "true",
    };
  } finally {
    session.destroy();
  }
}

/** The parts of a response that its replay must have too: all that do not belong to a connection, a moment or a session. */
export function lasting({ status, headers, body }: Received): unknown {
  const lastingHeaders = Object.entries(headers).filter(
    ([name]) =>
      ![
        "connection",
        "content-length",
        "date",
        "idempotent-replayed",
        "keep-alive",
        "set-cookie",
        "transfer-encoding",
      ].includes(name),
  );
  return { status, headers: Object.fromEntries(lastingHeaders), body };
}
