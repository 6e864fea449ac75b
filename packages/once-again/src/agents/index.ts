/**
 * The tools of a model: one effect for each intention of a run, also after a crash.
 *
 * @module
 */
import "../core/check-platform.ts";
export { type OnceCall, onceTools, type OnceTools } from "./once-tools.ts";
export { openRun, type Run } from "./open-run.ts";
