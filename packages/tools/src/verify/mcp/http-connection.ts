import type { HeaderList } from "../test-request.ts";
import { NoResponse } from "../verdict.ts";
import {
  type Connect,
  greet,
  type McpConnection,
  protocolVersion,
  type Reply,
  replyBefore,
  type RpcMessage,
} from "./mcp-connection.ts";

/** Streamable HTTP: a POST for each message. The answer is JSON or a stream of events. */
export function httpConnect(url: string, headers: HeaderList, timeoutMs: number): Connect {
  return async (others = headers) => {
    const leaving = new AbortController();
    let ids = 0;
    let session: string | null = null;
    const post = (message: object, signal: AbortSignal): Promise<Response> => {
      const sent = new Headers([...others].map(([name, value]): [string, string] => [name, value]));
      sent.set("content-type", "application/json");
      sent.set("accept", "application/json, text/event-stream");
      sent.set("mcp-protocol-version", protocolVersion);
      if (session !== null) sent.set("mcp-session-id", session);
      const body = JSON.stringify({ jsonrpc: "2.0", ...message });
      return fetch(url, { method: "POST", headers: sent, body, signal, redirect: "error" });
    };
    const ask = async (id: number, method: string, params: object): Promise<Reply> => {
      const signal = AbortSignal.any([leaving.signal, AbortSignal.timeout(timeoutMs)]);
      try {
        const response = await post({ id, method, params }, signal);
        if (method === "initialize") session = response.headers.get("mcp-session-id");
        return await readReply(response, id);
      } catch (error) {
        if (error instanceof NoResponse) throw error;
        throw new NoResponse(`no answer: ${messageOf(error)}`, { cause: error });
      }
    };
    const connection: McpConnection = {
      send(method, params) {
        const id = (ids += 1);
        return { id, reply: replyBefore(timeoutMs, ask(id, method, params)) };
      },
      async notify(method, params) {
        const response = await post({ method, params }, leaving.signal).catch(() => undefined);
        await response?.body?.cancel().catch(() => undefined);
      },
      cut: async () => leaving.abort(),
    };
    await greet(connection);
    return connection;
  };
}

function messageOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? String(message);
}

/** @throws NoResponse for an answer that holds none. */
async function readReply(response: Response, id: number): Promise<Reply> {
  const type = response.headers.get("content-type") ?? "";
  const text = await response.text();
  const messages = type.startsWith("text/event-stream") ? eventsOf(text) : [text];
  for (const message of messages) {
    const read = readMessage(message);
    if (read?.id === id && (read.result ?? read.error) !== undefined) return read;
  }
  throw new NoResponse(`HTTP ${response.status} without an answer to the request`);
}

function readMessage(text: string): RpcMessage | undefined {
  try {
    return JSON.parse(text) as RpcMessage;
  } catch {
    return undefined;
  }
}

/** The data of each event of a stream (HTML, section 9.2.6). */
function eventsOf(text: string): readonly string[] {
  return text.split(/\r?\n\r?\n/).map((event) =>
    event
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice("data:".length).replace(/^ /, ""))
      .join("\n"),
  );
}
