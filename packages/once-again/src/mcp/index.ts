/**
 * The tools of an MCP server: once for each key.
 *
 * @module
 */
import "../core/check-platform.ts";
export { keyMeta } from "./call-key.ts";
export { onceTool } from "./once-tool.ts";
export { openToolCalls, type ToolCalls } from "./open-tool-calls.ts";
export type { ToolContext } from "./tool-context.ts";
export { errorMeta, replayedMeta, retryAfterMeta, type ToolResult } from "./tool-results.ts";
