import { OnceAgainError } from "../core/errors.ts";
import { keyHeaderName } from "../key/index.ts";
import { keyLengthMax } from "../key/key.ts";

/**
 * A published set of rules that a route keeps:
 *
 * - `"draft"`: draft-ietf-httpapi-idempotency-key-header-07, and what the field does where it is silent.
 * - `"acp"`: the Agentic Commerce Protocol of 2026-04-17, section 6 of its agentic checkout.
 */
export type ProfileName = "draft" | "acp";

/** One of our own responses, before it is written as the profile has it. */
export interface Refusal {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}

/** The rules of a profile. */
export interface Profile {
  /** How our own responses are written. */
  readonly contentType: string;
  readonly body: (refusal: Refusal) => object;
  /** Whether a response has the key of its request, as it was sent. */
  readonly echoesKey: boolean;
  /** Whether the same key at another path is the key of another operation. */
  readonly keysByPath: boolean;
}

const problemDetails: Profile = {
  contentType: "application/problem+json",
  body: (refusal) => refusal,
  echoesKey: false,
  keysByPath: false,
};

/** The codes that the protocol names; its others are free. */
const acpCodes: Readonly<Record<string, string>> = {
  ONCE_KEY_INVALID: "idempotency_key_required",
  ONCE_IN_PROGRESS: "idempotency_in_flight",
  ONCE_KEY_REUSED: "idempotency_conflict",
};

const acpErrors: Profile = {
  contentType: "application/json",
  body: ({ code, status, detail }) => ({
    type: status < 500 ? "invalid_request" : status === 503 ? "service_unavailable" : "processing_error",
    code: acpCodes[code] ?? code.replace(/^ONCE_/, "").toLowerCase(),
    message: detail,
  }),
  echoesKey: true,
  keysByPath: true,
};

export const profiles: Readonly<Record<ProfileName, Profile>> = { draft: problemDetails, acp: acpErrors };

/** The rules of a route that its protocol decides. */
const acpRules = {
  keyHeader: "Idempotency-Key",
  keyRequired: true,
  expiredKeys: "run",
  fingerprint: "body",
  reusedStatus: 422,
} as const;

/** Its rules name no other method. */
const acpMethods: readonly string[] = ["POST"];
const acpRetentionMs = 86_400_000;

/** The options of a route that a profile looks at. */
type Given = {
  readonly profile?: ProfileName | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly retentionMs?: number | undefined;
  readonly mode?: unknown;
  readonly onUnknown?: unknown;
} & { readonly [Name in keyof typeof acpRules]?: unknown };

/**
 * The options of a route, with what its profile decides filled in.
 *
 * @param path names an option in errors.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option that breaks the profile.
 */
export function withProfile<Options extends Given>(options: Options, path: (name: keyof Given) => string): Options {
  if (options.profile !== "acp") return options;
  for (const [name, value] of Object.entries(acpRules)) {
    const rule = name as keyof typeof acpRules;
    const option = options[rule];
    if (option !== undefined && option !== value) throw brokenProfile(path(rule), `decides ${name}: leave it out`);
  }
  if (options.retentionMs !== undefined && options.retentionMs < acpRetentionMs) {
    throw brokenProfile("retentionMs", "keeps results for 24 hours or longer: leave retentionMs out, or raise it");
  }
  if (options.mode !== "transactional" && (options.onUnknown ?? "hold") === "hold") {
    throw brokenProfile(
      "onUnknown",
      "runs a failed operation again (its section 6.5), which in leased mode doubles effects: use the transactional mode, " +
        'or say onUnknown: "finish" where all effects are in steps, a function that looks the effect up, or "rerun" where it ' +
        "is keyed further down",
    );
  }
  return { ...options, methods: options.methods ?? acpMethods, ...acpRules };
}

function brokenProfile(option: string, rule: string): OnceAgainError {
  return new OnceAgainError("ONCE_OPTION_INVALID", `profile "acp" ${rule}.`, { details: { option } });
}

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
