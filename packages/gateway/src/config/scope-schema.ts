import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { readNetwork } from "../networks.ts";
import { scopeForms, type ScopeRule, signatureAlgorithms } from "../scope/scope-rule.ts";
import { dependent, duration, headerName, httpUrl, list, oneOf, settings, text, value } from "./values.ts";

/** @param folder that the paths of files are relative to. */
export function scopeSchema(folder: string): z.ZodType<ScopeRule> {
  const kinds: Readonly<Record<string, z.ZodType<ScopeRule>>> = {
    jwt: jwtSchema(folder),
    header: headerSchema,
    auth: authSchema,
  };
  const unknown = value<ScopeRule>(scopeForms, () => undefined);
  return z.preprocess(
    scopeSettings,
    dependent((given) => {
      const kind = Object.keys(given ?? {}).find((name) => Object.hasOwn(kinds, name));
      return kind === undefined ? unknown : kinds[kind]!;
    }),
  );
}

/** `header:x-account` is `{ header: "x-account" }`. */
export function scopeSettings(given: unknown): unknown {
  const [, kind, rest] = (typeof given === "string" && /^(jwt|header|auth):(.+)$/.exec(given)) || [];
  return kind === undefined ? given : { [kind]: rest };
}

const accountType = oneOf("text", "number").optional();

const jwtSchema = (folder: string): z.ZodType<ScopeRule> =>
  settings(scopeForms, {
    jwt: text("the claim that names the account, such as sub"),
    type: accountType,
    jwks: value("the URL of the issuer's key set (JWKS), or a file that has it", (given) => readKeys(folder, given)),
    issuer: text("the issuer of the tokens, as their claim iss has it"),
    audience: text("for whom the tokens are, as their claim aud has it"),
    algorithms: list("asymmetric signature algorithms such as RS256", oneOf(...signatureAlgorithms)).optional(),
    clockTolerance: duration("5s", { min: 0, max: 300_000 }).optional(),
  }).transform(({ jwt, type, algorithms, clockTolerance, ...rule }): ScopeRule => ({
    by: "jwt",
    claim: jwt,
    type: type ?? "text",
    ...rule,
    algorithms: algorithms ?? signatureAlgorithms,
    clockToleranceMs: clockTolerance ?? 5000,
  }));

/** An address, a network, or the name of some. */
export const network: z.ZodType<string> = value("an address, a network such as 10.0.0.0/8, or loopback", readNetwork);

const headerSchema: z.ZodType<ScopeRule> = settings(scopeForms, {
  header: value(
    "a header that a proxy in front sets, such as x-account, and none of a caller's own credentials",
    (given) => {
      const name = headerName.safeParse(given);
      return name.success && !credentials.has(name.data.toLowerCase()) ? name.data : undefined;
    },
  ),
  from: list("networks such as 10.0.0.0/8", network).optional(),
}).transform(({ header, from }): ScopeRule => ({ by: "header", name: header, from }));

/** Who brings these may be anybody, and a refreshed token is the same caller. */
const credentials: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization", "idempotency-key"]);

const authSchema: z.ZodType<ScopeRule> = settings(scopeForms, {
  auth: httpUrl("the http or https URL of the service that knows the callers"),
  account: value("header:NAME or body:PATH, where the service's answer names the account", readAccount),
  type: accountType,
  pass: list("names of headers", headerName).optional(),
  timeout: duration("2s", { min: 1, max: 60_000 }).optional(),
}).transform(({ auth, account, type, pass, timeout }): ScopeRule => ({
  by: "auth",
  url: auth,
  account,
  type: type ?? "text",
  pass: pass ?? ["authorization", "cookie"],
  timeoutMs: timeout ?? 2000,
}));

function readKeys(folder: string, given: unknown): URL | JSONWebKeySet | undefined {
  if (typeof given !== "string") return undefined;
  if (/^https?:/.test(given)) return URL.parse(given) ?? undefined;
  try {
    const keys = JSON.parse(readFileSync(resolve(folder, given), "utf8")) as JSONWebKeySet;
    return Array.isArray(keys.keys) ? keys : undefined;
  } catch {
    return undefined;
  }
}

function readAccount(given: unknown): { header: string } | { body: string } | undefined {
  const [, place, name] = (typeof given === "string" && /^(header|body):(.+)$/.exec(given)) || [];
  if (place === undefined || name === undefined) return undefined;
  if (place === "body") return { body: name };
  return headerName.safeParse(name).success ? { header: name } : undefined;
}
