import type { Agent, IncomingHttpHeaders } from "node:http";
import process from "node:process";
import { ByteCollector } from "../../../core/bytes.ts";

/** An answer of HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends requests to one address, over connections that stay open. */
export interface Poster extends Disposable {
  /**
   * @throws the error of the connection, with `reusedSocket` where an earlier request had that connection; DOMException or Error when
   *   `signal` aborts.
   */
  post(headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal): Promise<HttpAnswer>;
}

/**
 * The largest answer, bytes. One of BatchGetItem has items of 16 MB, and Base64 makes a third more of them. A
 * larger one is no answer of DynamoDB.
 */
const answerBytesMax = 32 * 1024 * 1024;

/** How many connections there are at a time, as the client of AWS has. */
const maxSockets = 50;

/**
 * By `https` of Node, and not by its `fetch`, which costs three times the processor time, and 30 ms more when it is first called. It is not imported,
 * since an import of `node:http` makes all that it exports, and among it WebSocket, and so loads what `fetch` needs.
 */
export function httpPoster(endpoint: URL, givenAgent: Agent | undefined, bytesMax = answerBytesMax): Poster {
  const { Agent, request } = process.getBuiltinModule(endpoint.protocol === "https:" ? "node:https" : "node:http");
  const agent = givenAgent ?? new Agent({ keepAlive: true, maxSockets });
  const target = {
    host: endpoint.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: endpoint.port === "" ? undefined : endpoint.port,
    path: "/",
    method: "POST",
    agent,
  };
  return {
    post: (headers, body, signal) =>
      new Promise((resolve, reject) => {
        const onUnanswered = (): void => reject(new Error("A connection was closed without an answer."));
        const asked = request({ ...target, headers, signal }, (answer) => {
          asked.off("close", onUnanswered);
          const bytes = new ByteCollector(bytesMax);
          answer.on("data", (chunk: Buffer) => {
            if (!bytes.add(chunk)) answer.destroy(new Error(`An answer has more than ${bytesMax} bytes.`));
          });
          answer.on("end", () => {
            const { statusCode: status = 0, headers: answered } = answer;
            resolve({ status, headers: answered, body: Buffer.from(bytes.bytes!).toString() });
          });
          answer.on("error", reject);
        });
        asked.on("error", (error) => reject(asked.reusedSocket ? Object.assign(error, { reusedSocket: true }) : error));
        // A 101 ends without an answer and without an error.
        asked.on("close", onUnanswered);
        asked.end(body);
      }),
    [Symbol.dispose]() {
      if (givenAgent === undefined) agent.destroy();
    },
  };
}
