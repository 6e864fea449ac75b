import { setTimeout } from "node:timers/promises";
import { json } from "node:stream/consumers";
import type { IncomingMessage, ServerResponse } from "node:http";

export type Members = Record<string, unknown>;

interface BuyRecord {
  payload: string;
  answer: Promise<Members> | undefined;
}

/** A task's error, as it is thrown. */
export class TaskError extends Error {
  readonly members: Members;
  constructor(code: string, more: Members = {}) {
    super(code);
    this.members = { code, message: code, recovery: "correctable", ...more };
  }
}

interface Call {
  readonly caller: string;
  readonly args: Members;
}

/** A seller that keeps every rule of the Ad Context Protocol, put together of parts, each of which can be broken. */
export class AdcpModel {
  readonly records = new Map<string, BuyRecord>();
  buys = 0;

  capabilities(_args: Members): Members {
    return { adcp: { idempotency: { supported: true, replay_ttl_seconds: 86_400 } } };
  }

  checkKey(key: unknown): void {
    if (typeof key !== "string" || !/^[\w.:-]{16,255}$/.test(key)) throw new TaskError("INVALID_REQUEST");
  }

  checkArguments({ budget }: Members): void {
    if (typeof budget !== "number" || budget <= 0) throw new TaskError("BUDGET_TOO_LOW");
  }

  payload({ idempotency_key: _key, context: _context, governance_context: _governance, ...rest }: Members): string {
    const { push_notification_config: config } = rest as { push_notification_config?: { authentication: Members } };
    const { credentials: _credentials, ...authentication } = config?.authentication ?? {};
    const counted = { ...rest, ...(config && { push_notification_config: { ...config, authentication } }) };
    return JSON.stringify(Object.entries(counted).sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  conflict(_record: BuyRecord, _call: Call): Members {
    throw new TaskError("IDEMPOTENCY_CONFLICT");
  }

  /** The answer to a duplicate of a running call. */
  async running(_record: BuyRecord): Promise<Members> {
    throw new TaskError("IDEMPOTENCY_IN_FLIGHT", { recovery: "transient", retry_after: 1 });
  }

  replayed(answer: Members): Members {
    return { ...answer, replayed: true };
  }

  async buy({ args }: Call): Promise<Members> {
    await setTimeout(5);
    this.checkArguments(args);
    this.buys += 1;
    return { media_buy_id: `buy ${this.buys} of ${crypto.randomUUID()}`, status: "pending_creatives" };
  }

  /** Decides about the record of a call that failed. */
  failed(name: string, _error: unknown): void {
    this.records.delete(name);
  }

  recordName({ caller, args }: Call): string {
    return `${caller} ${String(args["idempotency_key"])}`;
  }

  async createMediaBuy(call: Call): Promise<Members> {
    this.checkKey(call.args["idempotency_key"]);
    const [name, payload] = [this.recordName(call), this.payload(call.args)];
    const known = this.records.get(name);
    if (known !== undefined) {
      if (known.payload !== payload) return this.conflict(known, call);
      return known.answer === undefined ? this.running(known) : this.replayed(await known.answer);
    }
    const record: BuyRecord = { payload, answer: undefined };
    this.records.set(name, record);
    try {
      const answer = await this.buy(call);
      record.answer = Promise.resolve(answer);
      return answer;
    } catch (error) {
      this.failed(name, error);
      throw error;
    }
  }

  errorMembers({ members }: TaskError): Members {
    return { status: "failed", adcp_error: members, errors: [members] };
  }

  async callTool(name: string, call: Call): Promise<Members> {
    if (name === "count_media_buys") return { content: [{ type: "text", text: String(this.buys) }] };
    try {
      const members = name === "create_media_buy" ? await this.createMediaBuy(call) : this.capabilities(call.args);
      return { content: [{ type: "text", text: JSON.stringify(members) }], structuredContent: members };
    } catch (error) {
      if (!(error instanceof TaskError)) throw error;
      const members = this.errorMembers(error);
      return { isError: true, content: [{ type: "text", text: JSON.stringify(members) }], structuredContent: members };
    }
  }

  async answer(method: string, params: { name: string; arguments: unknown }, caller: string): Promise<Members> {
    if (method === "initialize") {
      return { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "m", version: "1" } };
    }
    if (typeof params.arguments !== "object" || params.arguments === null) return { isError: true, content: [] };
    return this.callTool(params.name, { caller, args: params.arguments as Members });
  }

  async listen(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const caller = request.headers.authorization;
    if (caller === undefined) return void response.writeHead(401).end();
    const { id, method, params } = (await json(request)) as { id?: number; method: string; params: never };
    if (id === undefined) return void response.writeHead(202).end();
    const result = await this.answer(method, params, caller);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  }
}

/** A seller that finds the key where the Universal Commerce Protocol has it over MCP. */
export class UcpSeller extends AdcpModel {
  keyOf({ "idempotency-key": key }: Members): unknown {
    return key;
  }

  override replayed(answer: Members): Members {
    return answer;
  }

  override async running(): Promise<Members> {
    throw new TaskError("in progress");
  }

  override answer(method: string, params: { name: string; arguments: unknown }, caller: string): Promise<Members> {
    const { meta = {}, ...args } = (params.arguments ?? {}) as { meta?: Members };
    const key = this.keyOf(meta);
    return super.answer(method, { ...params, arguments: { ...args, idempotency_key: key } }, caller);
  }
}
