/**
 * The facts behind a retry: what an error or a status proves, and how long a server asks to wait.
 *
 * @module
 */
import "../core/check-platform.ts";
export { errorVerdict } from "./error-verdict.ts";
export { isIdempotentMethod, isSafeMethod } from "./method.ts";
export { parseRetryAfter } from "./parse-retry-after.ts";
export { statusVerdict } from "./status-verdict.ts";
export { waitHint } from "./wait-hint.ts";
export type { Verdict } from "./verdict.ts";
