/**
 * A module and an interceptor for Nest: a route runs once for each key.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { executionOf, onceNest, type OnceNest } from "./interceptor.ts";
export { Once, OnceModule, OnceRoutes, Operation } from "./once-module.ts";
