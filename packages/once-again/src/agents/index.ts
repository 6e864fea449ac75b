export type { CallTool, ToolCallContext } from "./call-tool.ts";
export {
  type ExecutableTool,
  type OnceCall,
  onceTools,
  type OnceTools,
  type ToolClient,
  type ToolFunction,
} from "./once-tools.ts";
export { openRun, type Run } from "./open-run.ts";
export type { EarlierCall, PlannedCall, RunHistory, RunOptions, Undecided, UndecidedAnswer } from "./run-options.ts";
