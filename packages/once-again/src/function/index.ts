/**
 * Any function, once for each key: jobs, cron, resolvers.
 *
 * @module
 */
export type {
  FunctionExecution,
  FunctionOptions,
  LeasedFunctionOptions,
  Refusals,
  TransactionalFunctionOptions,
} from "./function-options.ts";
export { type OnceFunction, onceFunction } from "./once-function.ts";
