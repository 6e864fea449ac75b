import { keyHeaderName, keyLengthMax } from "../key/index.ts";

/** The policy of a route, so that callers know how long a key is good for. */
export interface IdempotencyPolicy {
  /** The request header that carries the key. */
  readonly header: string;
  /** The methods that take one. */
  readonly methods: readonly string[];
  readonly required: boolean;
  /** How long a result is stored, whole seconds: no repeat should come later. */
  readonly retentionSeconds: number;
  /** The longest key, characters. */
  readonly keyLengthMax: number;
  /** How a key may be written: as it is, or quoted as an sf-string. */
  readonly keyFormats: readonly ["bare", "structured"];
}

/** The response header that carries the policy, an RFC 9651 dictionary. */
export const policyHeaderName = "idempotency-key-policy";

export function idempotencyPolicy(rules: {
  keyHeader: string;
  methods: readonly string[];
  keyRequired: boolean;
  retentionMs: number;
}): IdempotencyPolicy {
  return {
    header: rules.keyHeader,
    methods: rules.methods,
    required: rules.keyRequired,
    retentionSeconds: Math.floor(rules.retentionMs / 1000),
    keyLengthMax,
    keyFormats: ["bare", "structured"],
  };
}

/**
 * The policy as a header value. It names the header that carries keys where that is not `Idempotency-Key`: a caller that
 * sends its keys in another header must not believe that they are honoured.
 */
export function policyHeader(policy: IdempotencyPolicy): string {
  const required = policy.required ? "required, " : "";
  const isUsual = policy.header.toLowerCase() === keyHeaderName.toLowerCase();
  const header = isUsual ? "" : `, header="${policy.header}"`;
  return `${required}retention=${policy.retentionSeconds}, key-length=${policy.keyLengthMax}${header}`;
}
