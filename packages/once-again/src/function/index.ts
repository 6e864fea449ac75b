export type {
  FunctionExecution,
  FunctionOptions,
  FunctionRules,
  LeasedFunctionOptions,
  ReconcileCall,
  Refusals,
  TransactionalFunctionOptions,
} from "./function-options.ts";
export { type OnceFunction, onceFunction } from "./once-function.ts";
