import type { IncomingMessage, ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { canonicalJson } from "./canonical-json.ts";

export type Members = Record<string, unknown>;

/** A tool as the list has it. */
export interface ModelTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Members;
  readonly annotations: Members;
  readonly _meta?: Members;
}

/** A call of a tool, once it is read. */
export interface ToolCall {
  readonly name: string;
  readonly args: unknown;
  readonly meta: Members;
  /** The account. */
  readonly caller: string;
  /** The connection: a session over HTTP. */
  readonly session: string;
  /** The request's id within its session. */
  readonly id: number;
  /** Resolves when the caller can get no response any more. */
  readonly gone: Promise<unknown>;
}

/** A key that was used. */
export interface CallRecord {
  readonly payload: string;
  /** Missing while the call runs. A refusal that is stored rejects. */
  answer?: Promise<Members>;
  replays: number;
}

/** The refusal of a call, as it is thrown. */
export class TaskError extends Error {
  readonly members: Members;
  constructor(code: string, message: string, more: Members = {}) {
    super(message);
    this.members = { code, message, recovery: "correctable", ...more };
  }
}

export const textContent = (text: string): Members => ({ content: [{ type: "text", text }] });

interface RpcRequest {
  readonly id?: number;
  readonly method: string;
  readonly params?: Members;
}

/**
 * A small MCP server over HTTP that keeps every rule, and is put together of parts, each of which can be replaced by one
 * that breaks a rule. Its tool orders something once for each key.
 */
export class McpModel {
  readonly records = new Map<string, CallRecord>();
  effects = 0;
  readonly tool: string = "order";
  readonly countTool: string = "count_orders";

  tools(_session: string): readonly ModelTool[] {
    const item = { type: "object", properties: { item: { type: "string" }, quantity: { type: "number" } } };
    return [
      {
        name: this.tool,
        description: "Orders an item from the shop.",
        inputSchema: { ...item, required: ["item"] },
        annotations: { idempotentHint: true },
        _meta: { "once-again/idempotency-key": "accepted" },
      },
      {
        name: this.countTool,
        description: "Says how many orders there are.",
        inputSchema: { type: "object" },
        annotations: { readOnlyHint: true },
      },
    ];
  }

  /** The account of a request; `undefined` for one that may not enter. */
  admits({ headers }: IncomingMessage): string | undefined {
    return headers.authorization;
  }

  /** Whether the schema takes the arguments. */
  takesArguments(args: unknown): boolean {
    return typeof args === "object" && args !== null && typeof (args as Members)["item"] === "string";
  }

  keyOf({ meta }: ToolCall): unknown {
    return meta["once-again/idempotency-key"];
  }

  /** @throws TaskError for a value that is no key. */
  checkKey(key: unknown): string {
    if (typeof key === "string" && !["", "undefined", "null"].includes(key)) return key;
    throw new TaskError("NO_KEY", "This tool needs a key in params._meta, from the program that runs the model.");
  }

  recordName(call: ToolCall): string {
    return `${call.caller} ${this.checkKey(this.keyOf(call))}`;
  }

  /** The part of a call that distinguishes it from another one of the same key. */
  payload({ args }: ToolCall): string {
    return canonicalJson(args);
  }

  /** Executes a call. @throws TaskError for one that it refuses. */
  async work({ args }: ToolCall): Promise<Members> {
    const { item } = args as { item: string };
    await setTimeout(5);
    if (item === "unicorn") throw new TaskError("NO_SUCH_ITEM", "There are no unicorns.");
    this.effects += 1;
    return { text: `Order ${this.effects}: ${item}` };
  }

  /** The answer to another call of a known key. */
  conflict(_record: CallRecord, _call: ToolCall): Members | Promise<Members> {
    throw new TaskError("KEY_REUSED", "This key was used with other arguments.");
  }

  /** The answer to a duplicate of a running call. */
  running(_record: CallRecord, _call: ToolCall): Members | Promise<Members> {
    throw new TaskError("IN_PROGRESS", "The first call with this key is in progress.");
  }

  /** The answer to a repeat. */
  replayed(answer: Members, _call: ToolCall): Members {
    return { ...answer, replayed: true };
  }

  /** Decides about the record of a call that was executed. */
  succeeded(_name: string, record: CallRecord, answer: Members, _call: ToolCall): void {
    record.answer = Promise.resolve(answer);
  }

  /** Decides about the record of a call that was refused: its repeat gets the same refusal. */
  refused(_name: string, record: CallRecord, error: unknown): void {
    record.answer = Promise.reject(error);
    record.answer.catch(() => undefined);
  }

  /** Executes a call once for its key. */
  async once(call: ToolCall): Promise<Members> {
    const [name, payload] = [this.recordName(call), this.payload(call)];
    const known = this.records.get(name);
    if (known !== undefined) {
      if (known.payload !== payload) return this.conflict(known, call);
      if (known.answer === undefined) return this.running(known, call);
      known.replays += 1;
      return this.replayed(await known.answer, call);
    }
    const record: CallRecord = { payload, replays: 0 };
    this.records.set(name, record);
    try {
      const answer = await this.work(call);
      this.succeeded(name, record, answer, call);
      return answer;
    } catch (error) {
      this.refused(name, record, error);
      throw error;
    }
  }

  /** An answer as the protocol has it. */
  result({ text, replayed }: Members): Members {
    return { ...textContent(String(text)), ...(replayed === true && { _meta: { "once-again/replayed": true } }) };
  }

  /** A refusal as the protocol has it. */
  errorResult({ message }: TaskError): Members {
    return { isError: true, ...textContent(message) };
  }

  /** The answer of a tool that has no effect. @throws TaskError for one that does not exist. */
  read({ name }: ToolCall): Members {
    if (name === this.countTool) return textContent(String(this.effects));
    throw new TaskError("NO_SUCH_TOOL", "There is no such tool.");
  }

  async callTool(call: ToolCall): Promise<Members> {
    try {
      if (call.name !== this.tool) return this.read(call);
      if (!this.takesArguments(call.args)) throw new TaskError("INVALID_REQUEST", "These are no arguments.");
      return this.result(await this.once(call));
    } catch (error) {
      if (error instanceof TaskError) return this.errorResult(error);
      throw error;
    }
  }

  /** Takes a notification that a request's caller is no longer interested; no call depends on it. */
  cancelled(_session: string, _id: number): void {}

  /** The response to `ping`. */
  ping(): Members {
    return { result: {} };
  }

  /** The response to a request: a result, or an error. */
  async respond({ method, params = {} }: RpcRequest, call: Omit<ToolCall, "name" | "args" | "meta">): Promise<Members> {
    if (method === "initialize") {
      const serverInfo = { name: "shop", version: "1" };
      return { result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo } };
    }
    if (method === "ping") return this.ping();
    if (method === "tools/list") return { result: { tools: this.tools(call.session) } };
    if (method !== "tools/call") return { error: { code: -32_601, message: "no such method" } };
    const { name, arguments: args, _meta: meta = {} } = params as { name: string; arguments: unknown; _meta?: Members };
    return { result: await this.callTool({ ...call, name, args, meta }) };
  }

  async listen(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const caller = this.admits(request);
    if (caller === undefined) return void response.writeHead(401).end();
    if (request.method !== "POST") return void response.writeHead(405, { allow: "POST" }).end();
    const gone = new Promise((resolve) => response.once("close", resolve));
    const message = (await json(request)) as RpcRequest;
    const session = request.headers["mcp-session-id"]?.toString() ?? crypto.randomUUID();
    const { id, method, params } = message;
    if (id === undefined) {
      if (method === "notifications/cancelled") this.cancelled(session, Number(params?.["requestId"]));
      return void response.writeHead(202).end();
    }
    const answer = await this.respond(message, { caller, session, id, gone });
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": session });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
  }
}

/** A server that finds the key where the Universal Commerce Protocol has it over MCP. */
export class UcpMcpModel extends McpModel {
  override keyOf({ args }: ToolCall): unknown {
    return (args as { meta?: Members }).meta?.["idempotency-key"];
  }

  override payload({ args }: ToolCall): string {
    const { meta: _meta, ...rest } = args as Members;
    return canonicalJson(rest);
  }
}
