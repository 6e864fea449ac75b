import { NoResponse } from "../verdict.ts";

/** A message of JSON-RPC, as it comes. */
export interface RpcMessage {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** The answer to a request: its result, or an error. */
export type Reply = Pick<RpcMessage, "result" | "error">;

/** A request that was sent. */
export interface SentRequest {
  readonly id: number;
  /** @throws NoResponse when none comes in time. */
  readonly reply: Promise<Reply>;
}

/** One connection to an MCP server: a process on stdio, or a session over HTTP. */
export interface McpConnection {
  send(method: string, params: object): SentRequest;
  notify(method: string, params: object): Promise<void>;
  /** Loses the connection, as a network or a crash does: no request that is under way gets an answer. */
  cut(): Promise<void>;
}

/** Opens a connection, and greets the server. */
export type Connect = (headers?: readonly (readonly [string, string])[]) => Promise<McpConnection>;

const clientInfo = { name: "once-again verify mcp", version: "1" };

/** The revision that servers know best (https://modelcontextprotocol.io/specification/2025-06-18). */
export const protocolVersion = "2025-06-18";

/** Greets a server: `initialize`, and the notification that ends it. @throws NoResponse */
export async function greet(connection: McpConnection): Promise<void> {
  const { reply } = connection.send("initialize", { protocolVersion, capabilities: {}, clientInfo });
  const { error } = await reply;
  if (error !== undefined) throw new NoResponse(`initialize is answered with ${error.code} ${error.message}`);
  await connection.notify("notifications/initialized", {});
}

/**
 * Waits for a reply no longer than there is time.
 *
 * @param explain adds to the message what is known of the silence.
 */
export function replyBefore(
  timeoutMs: number,
  reply: Promise<Reply>,
  explain: (message: string) => string = (message) => message,
): Promise<Reply> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new NoResponse(explain(`no answer within ${timeoutMs} ms`))), timeoutMs);
  const waited = Promise.race([reply, late.promise]).finally(() => clearTimeout(timer));
  // A request may be sent to be lost, and then its rejection is not awaited.
  waited.catch(() => undefined);
  return waited;
}
