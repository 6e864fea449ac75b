/**
 * The tools of a model: one effect for each intention of a run, also after a crash.
 *
 * @module
 */
export type { CallTool } from "./call-tool.ts";
export { type ExecutableTool, type OnceCall, onceTools, type OnceTools, type ToolFunction } from "./once-tools.ts";
export { openRun, type Run } from "./open-run.ts";
export type { EarlierCall, RunOptions, Undecided, UndecidedAnswer } from "./run-options.ts";
