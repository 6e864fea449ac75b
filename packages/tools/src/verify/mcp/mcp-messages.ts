import type { Reply } from "./mcp-connection.ts";

/** A tool as its server lists it, as far as it is judged. */
export interface ListedTool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: {
    readonly type?: string;
    readonly properties?: Readonly<Record<string, { description?: string }>>;
  };
  readonly annotations?: Readonly<Record<string, unknown>>;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** A connection that is opened for one request: the first principal's, a second's, or without credentials. */
export type OtherConnection = "another" | "other-principal" | "anonymous";

/** A call of the tool under test. `key`: as it stands, even if invalid; `undefined`: it has none. */
export interface TestCall {
  readonly args: unknown;
  readonly key: unknown;
  /** More for `_meta`. */
  readonly meta?: object;
  /** Default: the first connection. */
  readonly connection?: OtherConnection;
}

/** Any request, as it stands. */
export interface RawRequest {
  readonly method: string;
  readonly params: object;
}

export type McpRequest = TestCall | RawRequest;

/**
 * How requests are sent: one after the other; so, and silence is an answer; all at once; cancelled at once; over a
 * connection that is lost. The last two bring no reply.
 */
export type McpSendMode = "in-turn" | "or-silence" | "together" | "cancelled" | "lost";

/** The answer to a request, or the lack of one, or a tool of a list. */
export type McpResponse = { readonly reply: Reply } | { readonly silence: string } | { readonly tool: ListedTool };
