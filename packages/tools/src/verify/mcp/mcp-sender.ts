import { setTimeout as sleep } from "node:timers/promises";
import type { HeaderList } from "../test-request.ts";
import type { Patience } from "../patience.ts";
import { NoResponse } from "../verdict.ts";
import { messageOf } from "./mcp-calls.ts";
import type { Connect, McpConnection, SentRequest } from "./mcp-connection.ts";
import type { ListedTool, McpRequest, McpResponse, McpSendMode, OtherConnection } from "./mcp-messages.ts";
import type { McpTarget } from "./mcp-options.ts";
import { isNotNow } from "./replies.ts";

const askAgainMs = 50;

/** The manners of sending, over the first connection and over those that are opened for a request. */
export interface McpSender {
  /** The tools that the server lists, over a connection. */
  listTools(connection?: OtherConnection): Promise<readonly ListedTool[]>;
  /** @param afterMs when the connection is lost, milliseconds. @throws NoResponse */
  send(requests: readonly McpRequest[], how: McpSendMode, afterMs?: number): Promise<readonly McpResponse[]>;
  /** Again and again, until it is neither running nor refused for the moment. @throws NoResponse */
  settle(request: McpRequest): Promise<McpResponse>;
}

export function makeSender(target: McpTarget, first: McpConnection, connect: Connect, patience: Patience): McpSender {
  const open = async (name: OtherConnection | undefined): Promise<McpConnection> =>
    name === undefined ? first : connect(headersOf(name, target));
  const write = (connection: McpConnection, request: McpRequest): SentRequest => {
    const { method, params } = messageOf(target, request);
    return connection.send(method, params);
  };
  const ask = async (connection: McpConnection, request: McpRequest): Promise<McpResponse> => ({
    reply: await write(connection, request).reply,
  });
  const openAndAsk = async (request: McpRequest): Promise<McpResponse> =>
    ask(await open(connectionOf(request)), request);
  const cancel = async (request: McpRequest): Promise<void> => {
    const { id, reply } = write(first, request);
    reply.catch(() => undefined);
    await first.notify("notifications/cancelled", { requestId: id, reason: "the user went away" });
  };
  const lose = async (request: McpRequest, afterMs: number): Promise<void> => {
    const other = await open("another");
    write(other, request).reply.catch(() => undefined);
    await sleep(afterMs);
    await other.cut();
  };

  return {
    async send(requests, how, afterMs = 0) {
      if (how === "together") {
        const connections = await Promise.all(requests.map((request) => open(connectionOf(request))));
        return Promise.all(requests.map((request, at) => ask(connections[at]!, request)));
      }
      const responses: McpResponse[] = [];
      for (const request of requests) {
        if (how === "cancelled") await cancel(request);
        else if (how === "lost") await lose(request, afterMs);
        else if (how === "or-silence") responses.push(await openAndAsk(request).catch(asSilence));
        else responses.push(await openAndAsk(request));
      }
      return responses;
    },
    async settle(request) {
      const until = performance.now() + patience.ms;
      for (;;) {
        const reply = await write(first, request).reply;
        if (!isNotNow(reply)) return { reply };
        if (performance.now() > until) {
          patience.lose();
          return { reply };
        }
        await sleep(askAgainMs);
      }
    },
    listTools: async (name) => listTools(await open(name)),
  };
}

const pagesMax = 100;

async function listTools(connection: McpConnection): Promise<readonly ListedTool[]> {
  const tools: ListedTool[] = [];
  for (let cursor: unknown, page = 0; page < pagesMax; page += 1) {
    const { result } = await connection.send("tools/list", cursor === undefined ? {} : { cursor }).reply;
    tools.push(...((result?.["tools"] ?? []) as ListedTool[]));
    cursor = result?.["nextCursor"];
    if (cursor === undefined) break;
  }
  return tools;
}

function asSilence(error: unknown): McpResponse {
  if (error instanceof NoResponse) return { silence: error.message };
  throw error;
}

const connectionOf = (request: McpRequest): OtherConnection | undefined =>
  "method" in request ? undefined : request.connection;

function headersOf(connection: OtherConnection, { otherHeaders }: McpTarget): HeaderList | undefined {
  if (connection === "another") return undefined;
  return connection === "anonymous" ? [] : otherHeaders;
}
