import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions } from "jose";
import type { ScopeOf } from "../gateway-options.ts";
import { accountAt, valueAt } from "./account-at.ts";
import { keySet, KeySetUnavailableError } from "./key-set.ts";
import { refuse } from "./refusal.ts";
import type { JwtScopeRule } from "./scope-rule.ts";

/**
 * The account is a claim of the bearer token (RFC 6750). The token's signature, issuer, audience and times are checked
 * (RFC 7519, RFC 8725), and it must have an expiry. While the issuer's keys can't be fetched, it throws.
 */
export function jwtScope(rule: JwtScopeRule): ScopeOf {
  const getKey = keySet(rule.jwks);
  const options: JWTVerifyOptions = {
    issuer: rule.issuer,
    audience: rule.audience,
    algorithms: [...rule.algorithms],
    clockTolerance: rule.clockToleranceMs / 1000,
    requiredClaims: ["exp"],
  };
  return async ({ headers }) => {
    const values = headers["authorization"] ?? [];
    if (values.length > 1) return refuse(400, "The header Authorization came more than once.", [challenge()]);
    const token = /^Bearer +([\w.~+/-]+=*) *$/i.exec(values[0] ?? "")?.[1];
    if (token === undefined) return refuse(401, "Send a bearer token in the header Authorization.", [challenge()]);
    let payload: JWTPayload;
    try {
      payload = await verify(token, getKey, options);
    } catch (error) {
      if (error instanceof KeySetUnavailableError) throw error;
      return refuse(401, `The token is not valid: ${reasonOf(error)}.`, [challenge('error="invalid_token"')]);
    }
    const scope = accountAt(payload, rule.claim, rule.type);
    if (scope !== undefined) return { scope };
    if (rule.type === "text" && typeof valueAt(payload, rule.claim) === "number") {
      return refuse(403, `The token's claim ${rule.claim} is a number: this gateway's scope needs type: number.`);
    }
    return refuse(403, `The token has no claim ${rule.claim}, which would name the account.`);
  };
}

/** Verifies by the key that the token names; where it names none, by each that it may be signed with. */
async function verify(token: string, getKey: JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, getKey, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (refused) {
        if (!(refused instanceof errors.JWSSignatureVerificationFailed)) throw refused;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function challenge(parameters?: string): [string, string] {
  return ["www-authenticate", parameters === undefined ? "Bearer" : `Bearer ${parameters}`];
}

const reasons: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: "it is over",
  ERR_JWKS_NO_MATCHING_KEY: "it is signed with a key that the issuer does not have",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "its signature does not fit",
  ERR_JOSE_ALG_NOT_ALLOWED: "its algorithm is not taken here",
};

/** Why a token is refused, in words that have nothing of the token. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim ${error.claim} does not fit`;
  return (error instanceof errors.JOSEError && reasons[error.code]) || "it is no JWT that can be read";
}
