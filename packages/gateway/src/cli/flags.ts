import { resolve } from "node:path";
import process from "node:process";
import type { ConfigFlags } from "../config/read-config.ts";
import type { FrontProxy } from "../split/split-rules.ts";
import { scopeSettings } from "../config/scope-schema.ts";

/** The flags of `once-again gateway`. */
export interface GatewayFlags {
  readonly config?: string;
  readonly upstream?: string;
  readonly store?: string;
  readonly scope?: string;
  readonly jwks?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly account?: string;
  readonly trustProxy?: string;
  readonly openapi?: string;
  readonly host?: string;
  readonly port?: number;
  readonly admin?: boolean;
  readonly adminHost?: string;
  readonly adminPort?: number;
  readonly cert?: string;
  readonly key?: string;
  readonly http2?: boolean;
  readonly workers?: number;
  readonly accessLog?: boolean;
  readonly logFields?: readonly string[];
  readonly check?: boolean;
  readonly print?: FrontProxy;
  readonly json?: boolean;
}

/** The settings that the flags stand for; ONCE_AGAIN_STORE is where neither they nor a file name a store. */
export function readFlags(flags: GatewayFlags): ConfigFlags {
  const store = flags.store ?? (flags.config === undefined ? process.env["ONCE_AGAIN_STORE"] : undefined);
  return {
    "--upstream": { path: ["upstream"], value: flags.upstream },
    "--store": { path: ["store"], value: store },
    "--scope": { path: ["scope"], value: scopeSettings(flags.scope) },
    "--jwks": { path: ["scope", "jwks"], value: isUrl(flags.jwks) ? flags.jwks : fromHere(flags.jwks) },
    "--issuer": { path: ["scope", "issuer"], value: flags.issuer },
    "--audience": { path: ["scope", "audience"], value: flags.audience },
    "--account": { path: ["scope", "account"], value: flags.account },
    "--trust-proxy": { path: ["trustProxy"], value: flags.trustProxy },
    "--openapi": { path: ["openapi"], value: fromHere(flags.openapi) },
    "--host": { path: ["listen", "host"], value: flags.host },
    "--port": { path: ["listen", "port"], value: flags.port },
    "--no-admin": { path: ["admin"], value: flags.admin === false ? false : undefined },
    "--admin-host": { path: ["admin", "host"], value: flags.adminHost },
    "--admin-port": { path: ["admin", "port"], value: flags.adminPort },
    "--cert": { path: ["listen", "cert"], value: fromHere(flags.cert) },
    "--key": { path: ["listen", "key"], value: fromHere(flags.key) },
    "--http2": { path: ["http2"], value: flags.http2 },
    "--workers": { path: ["workers"], value: flags.workers },
    "--access-log": { path: ["accessLog"], value: flags.accessLog },
    "--log-fields": { path: ["logFields"], value: flags.logFields },
  };
}

/** A path as who typed it meant it, wherever the file is. */
const fromHere = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path));

const isUrl = (text = ""): boolean => /^https?:/.test(text);
