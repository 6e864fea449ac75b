/**
 * Connect, gRPC and gRPC-Web: one effect for each key on the server, one key for all attempts of the client.
 *
 * @module
 */
import "../core/check-platform.ts";
export { errorMetadata } from "./connect-refusal.ts";
export { executionOf, onceConnect, type OnceConnect } from "./once-connect.ts";
export { retryingConnect } from "./retrying-connect.ts";
