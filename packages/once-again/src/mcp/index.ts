export { keyMeta } from "./call-key.ts";
export {
  type ContextOf,
  onceTool,
  type OnceToolConfig,
  type OnceToolHandler,
  policyMeta,
  type ResultOf,
  type ToolArguments,
  type ToolInput,
  type ToolSchema,
  type ToolServer,
} from "./once-tool.ts";
export type { CalledTool, ToolWork } from "./call-tool.ts";
export { openToolCalls, type ToolCalls } from "./open-tool-calls.ts";
export type {
  LeasedToolCallOptions,
  ReconcileToolCall,
  ToolCall,
  ToolCallRules,
  TransactionalToolCallOptions,
} from "./tool-call-options.ts";
export type { OnceContext, ToolCaller, ToolContext } from "./tool-context.ts";
export { errorMeta, replayedMeta, retryAfterMeta, type ToolResult } from "./tool-results.ts";
