/**
 * `retry()` for any function, with backoff, jitter, a budget and a deadline; the errors of all other entries.
 *
 * @module
 */
import "./core/check-platform.ts";
export { type Clock, sleep } from "./core/clock.ts";
export type { ErrorCode } from "./core/error-codes.ts";
export { OnceAgainError } from "./core/errors.ts";
export type { Listener } from "./core/listener.ts";
export { type Random, seededRandom } from "./core/random.ts";
export * from "./retry/index.ts";
