/**
 * A module and an interceptor for Nest: a route runs once for each key.
 *
 * @module
 */
export {
  executionOf,
  onceNest,
  type NestContext,
  type NestObservable,
  type NestRequest,
  type OnceNest,
} from "./interceptor.ts";
export {
  Once,
  OnceModule,
  type OnceModuleAsyncOptions,
  type OnceModuleImport,
  type OnceOverrides,
  OnceRoutes,
  Operation,
} from "./once-module.ts";
