/**
 * More fields of a record, by choice: an account is a person, and an id is a text of the caller's.
 *
 * - `requestId`: the header `X-Request-Id` of the request, of up to 128 visible ASCII characters.
 * - `trace`: the id of its trace, 32 hexadecimal digits: that of its span, else of its header `traceparent`.
 * - `keyHash`: the first 16 hexadecimal digits of the key's SHA-256, as spans have them.
 * - `account`: its scope.
 * - `outcome`: what became of its operation, as metrics name it: `executed`, `replayed`, `mismatch` and others.
 *
 * The last three are those of requests with a key that the engine has seen.
 */
export const logFields = ["requestId", "trace", "keyHash", "account", "outcome"] as const;
export type LogField = (typeof logFields)[number];
