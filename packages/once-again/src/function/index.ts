/**
 * Any function, once for each key: jobs, cron, resolvers.
 *
 * @module
 */
import "../core/check-platform.ts";
export type { FunctionExecution } from "./function-options.ts";
export { type OnceFunction, onceFunction } from "./once-function.ts";
