import type { JSONWebKeySet } from "jose";
import type { AccountType } from "./account-at.ts";
import type { ScopeOf } from "../gateway-options.ts";

/** How a scope can be written, for help texts. */
export const scopeForms =
  "header:NAME (a proxy in front checks the caller and sets that header), jwt:CLAIM (the gateway checks a bearer token " +
  "by its issuer's keys), or auth:URL (a service of yours is asked before each keyed request)";

/** How the gateway finds the caller that a request's key belongs to. */
export type ScopeRule = JwtScopeRule | HeaderScopeRule | AuthScopeRule;

/** The account is a claim of a bearer token that the gateway verifies. */
export interface JwtScopeRule {
  readonly by: "jwt";
  /** The claim that names the account: `sub`, or a path into objects, `org.id`. */
  readonly claim: string;
  readonly type: AccountType;
  /** The issuer's keys, or where they are. */
  readonly jwks: URL | JSONWebKeySet;
  readonly issuer: string;
  readonly audience: string;
  /** The signature algorithms that are taken, asymmetric ones alone. */
  readonly algorithms: readonly string[];
  /** How far the issuer's clock may be off, milliseconds. */
  readonly clockToleranceMs: number;
}

/** The account is in a header that a proxy in front has set, after it checked the caller's credentials. */
export interface HeaderScopeRule {
  readonly by: "header";
  readonly name: string;
  /** The addresses or networks (CIDR) from which the header is believed; every peer without it. */
  readonly from?: readonly string[] | undefined;
}

/** A service of yours is asked who the caller is: before each keyed request, replays included. */
export interface AuthScopeRule {
  readonly by: "auth";
  readonly url: URL;
  /** The names of the caller's headers that the service gets. */
  readonly pass: readonly string[];
  /** The place of the account in its response: a header, or a path into its JSON. */
  readonly account: { readonly header: string } | { readonly body: string };
  /** The type of the account in its JSON. */
  readonly type: AccountType;
  readonly timeoutMs: number;
}

/** A rule at work, which may hold connections. */
export interface OpenScope {
  readonly scopeOf: ScopeOf;
  close(): Promise<void>;
}

/** The asymmetric algorithms of JWS (RFC 7518, RFC 8037) that are taken where none are named. */
export const signatureAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;
