import { setTimeout } from "node:timers/promises";
import {
  type CallRecord,
  McpModel,
  type Members,
  type ModelTool,
  TaskError,
  type ToolCall,
} from "./right-mcp-server.ts";
import { canonicalJson } from "./canonical-json.ts";

const refusal = (code: string, more?: Members): TaskError => new TaskError(code, code, more);

const capabilitiesTool = "get_adcp_capabilities";

/** A seller that keeps every rule of the Ad Context Protocol. */
export class AdcpModel extends McpModel {
  override readonly tool: string = "create_media_buy";
  override readonly countTool: string = "count_media_buys";

  override tools(session: string): readonly ModelTool[] {
    const description = "Says what the seller can do.";
    const annotations = { readOnlyHint: true };
    const capabilities = { name: capabilitiesTool, description, inputSchema: { type: "object" }, annotations };
    return [...super.tools(session), capabilities];
  }

  capabilities(_args: Members): Members {
    return { adcp: { idempotency: { supported: true, replay_ttl_seconds: 86_400 } } };
  }

  override read(call: ToolCall): Members {
    return call.name === capabilitiesTool ? this.result(this.capabilities(call.args as Members)) : super.read(call);
  }

  /** Their members are judged by `checkBudget`, within the call. */
  override takesArguments(args: unknown): boolean {
    return typeof args === "object" && args !== null;
  }

  override keyOf({ args }: ToolCall): unknown {
    return (args as Members)["idempotency_key"];
  }

  override checkKey(key: unknown): string {
    if (typeof key === "string" && /^[\w.:-]{16,255}$/.test(key)) return key;
    throw refusal("INVALID_REQUEST");
  }

  checkBudget({ budget }: Members): void {
    if (typeof budget !== "number" || budget <= 0) throw refusal("BUDGET_TOO_LOW");
  }

  override payload({ args }: ToolCall): string {
    const { idempotency_key: _key, context: _context, governance_context: _governance, ...rest } = args as Members;
    const { push_notification_config: config } = rest as { push_notification_config?: { authentication: Members } };
    const { credentials: _credentials, ...authentication } = config?.authentication ?? {};
    return canonicalJson({ ...rest, ...(config && { push_notification_config: { ...config, authentication } }) });
  }

  override conflict(_record: CallRecord, _call: ToolCall): Members | Promise<Members> {
    throw refusal("IDEMPOTENCY_CONFLICT");
  }

  override running(_record: CallRecord, _call: ToolCall): Members | Promise<Members> {
    throw refusal("IDEMPOTENCY_IN_FLIGHT", { recovery: "transient", retry_after: 1 });
  }

  override async work({ args }: ToolCall): Promise<Members> {
    await setTimeout(5);
    this.checkBudget(args as Members);
    this.effects += 1;
    return { media_buy_id: `buy ${this.effects} of ${crypto.randomUUID()}`, status: "pending_creatives" };
  }

  /** A failure is not stored. */
  override refused(name: string, _record: CallRecord, _error: unknown): void {
    this.records.delete(name);
  }

  override result(members: Members): Members {
    return { content: [{ type: "text", text: JSON.stringify(members) }], structuredContent: members };
  }

  errorMembers({ members }: TaskError): Members {
    return { status: "failed", adcp_error: members, errors: [members] };
  }

  override errorResult(error: TaskError): Members {
    return { isError: true, ...this.result(this.errorMembers(error)) };
  }
}
