import { NotApplicable } from "../verdict.ts";
import { mcpGroupName } from "./mcp-case.ts";
import type { McpConnection, Reply } from "./mcp-connection.ts";
import { checkMcpTarget, type McpVerifyOptions } from "./mcp-options.ts";
import { makeMcpProbe } from "./mcp-probe.ts";
import { selectMcpCases } from "./verify-mcp.ts";

/** The requests that a case would send. */
export interface PlannedMcpCase {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  /** The messages, as JSON-RPC has them, in order. */
  readonly messages: readonly { readonly method: string; readonly params: object }[];
  /** Why nothing more would be sent, where the options leave something out. */
  readonly missing?: string;
}

/**
 * The requests that `verifyMcp` would send with these options; sends nothing. Cases that go by the server's answers are
 * shown
 * as they go with a server that executes every call.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export async function planMcp(options: McpVerifyOptions): Promise<readonly PlannedMcpCase[]> {
  const target = { ...checkMcpTarget(options), pauseMs: 0 };
  const planned: PlannedMcpCase[] = [];
  for (const { id, title, run } of selectMcpCases(target)) {
    const messages: { method: string; params: object }[] = [];
    const note = (method: string, params: object): void => void messages.push({ method, params });
    const connection: McpConnection = {
      send(method, params) {
        note(method, params);
        return { id: messages.length, reply: Promise.resolve(answers[method] ?? done) };
      },
      notify: async (method, params) => note(method, params),
      cut: async () => undefined,
    };
    const missing = await run(makeMcpProbe(target, connection, async () => connection, 0)).then(
      () => undefined,
      readMissing,
    );
    planned.push({ id, title, group: mcpGroupName(id), messages, ...(missing !== undefined && { missing }) });
  }
  return planned;
}

const done: Reply = { result: { content: [{ type: "text", text: "1" }] } };
const tools = [{ name: "a_tool", inputSchema: { type: "object" }, annotations: { idempotentHint: true } }];
const answers: Readonly<Record<string, Reply>> = { "tools/list": { result: { tools } } };

function readMissing(error: unknown): string {
  if (error instanceof NotApplicable) return error.message;
  throw error;
}
