import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** A proxy in front of an emulator of AWS. It counts, holds up and loses requests, and has a say about what time it is. */
export interface AwsProxy extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The operations that were asked for, in their order: `PutItem`. */
  readonly operations: string[];
  /** The `ClientRequestToken` of each transaction that was sent, in their order. */
  readonly tokens: unknown[];
  /** The `Date` of an answer: one, several lines, or none. Default that of the emulator. */
  date(upstream: string): string | readonly string[] | undefined;
  /** Is awaited before a request is handed on. Default nothing. */
  hold(operation: string): Promise<unknown> | undefined;
  /** The answer that is handed on instead. Default the emulator's own. */
  change(operation: string, answer: string): string;
  /** The name of the error by which a request is refused that is not handed on. Default none. */
  refuses(operation: string, body: string): string | undefined;
  /** Whether the answer to a request that was executed is lost. Default never. */
  loses(operation: string): boolean;
}

/** The errors by which DynamoDB says that it is asked for too much. */
export const throttles = ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];

/** A date as a server gives it that is `ms` ahead. moto gives each date twice. */
export const shiftDate =
  (ms: number) =>
  (date: string): string =>
    new Date(Date.parse(date.slice(0, "Mon, 30 Nov 2026 00:00:00 GMT".length)) + ms).toUTCString();

/** Headers of one connection, which no proxy hands on. */
const ofConnection = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "expect",
  "date",
  "x-amz-crc32",
]);

export async function awsProxy(upstream: string): Promise<AwsProxy> {
  const handOn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const headers = Object.entries(request.headers).flatMap(([name, value]) =>
      typeof value !== "string" || ofConnection.has(name) ? [] : [[name, value] as [string, string]],
    );
    const operation = String(request.headers["x-amz-target"] ?? "").replace(/^.*\./, "");
    const body = await buffer(request);
    proxy.operations.push(operation);
    if (operation === "TransactWriteItems") {
      proxy.tokens.push((JSON.parse(body.toString()) as { ClientRequestToken?: unknown }).ClientRequestToken);
    }
    await proxy.hold(operation);
    const refusal = proxy.refuses(operation, body.toString());
    if (refusal !== undefined) {
      response.writeHead(400, { "content-type": "application/x-amz-json-1.0" });
      response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${refusal}`, message: refusal }));
      return;
    }
    const answer = await fetch(upstream, { method: "POST", headers, body: new Uint8Array(body) });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (proxy.loses(operation)) {
      request.socket.destroy();
      return;
    }
    response.statusCode = answer.status;
    for (const [name, value] of answer.headers) if (!ofConnection.has(name)) response.setHeader(name, value);
    response.sendDate = false;
    const date = proxy.date(answer.headers.get("date") ?? "");
    if (date !== undefined) response.setHeader("date", date);
    response.end(proxy.change(operation, bytes.toString()));
  };
  // Where a request ends half-way, or the server is gone, there is no answer.
  const server = createServer((request, response) => {
    handOn(request, response).catch(() => request.socket.destroy());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const proxy: AwsProxy = {
    url: `http://127.0.0.1:${port}`,
    port,
    operations: [],
    tokens: [],
    date: (upstreamDate) => upstreamDate,
    hold: () => undefined,
    change: (_operation, answer) => answer,
    refuses: () => undefined,
    loses: () => false,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}
