/**
 * Idempotency keys: make, parse, format and derive them; the fingerprint of a request.
 *
 * @module
 */
import "../core/check-platform.ts";
export { deriveKey } from "./derive.ts";
export { fingerprint } from "./fingerprint.ts";
export { keyTime } from "./key.ts";
export { formatKey, keyHeaderName, makeKey, type ParsedKey, parseKey } from "./key.ts";
