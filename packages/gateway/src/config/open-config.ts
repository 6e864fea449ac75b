import type { Store } from "once-again/stores";
import type { GatewayOptions } from "../gateway-options.ts";
import { openScope } from "../scope/open-scope.ts";
import type { OpenScope, ScopeRule } from "../scope/scope-rule.ts";
import type { GatewayConfig } from "./read-config.ts";

/** The options of a gateway, and what they hold open. */
export interface OpenConfig {
  readonly options: GatewayOptions;
  /** Closes the scopes, not the store. */
  close(): Promise<void>;
}

/** The headers by which a scope knows the caller. */
function callerHeaders(rule: ScopeRule): readonly string[] {
  if (rule.by === "jwt") return ["authorization"];
  return rule.by === "header" ? [rule.name] : rule.pass;
}

/** Puts a configuration to work on a store. */
export function openConfig(config: GatewayConfig, store: Store): OpenConfig {
  const scopes: OpenScope[] = [];
  const open = (rule: ScopeRule): OpenScope["scopeOf"] => {
    const scope = openScope(rule);
    scopes.push(scope);
    return scope.scopeOf;
  };
  const routes = config.routes.map(({ scope, ...route }) => ({ ...route, scope: scope && open(scope) }));
  return {
    options: {
      upstream: config.upstream,
      upstreams: config.upstreams,
      logFields: config.logFields,
      store,
      routes,
      scope: open(config.scope),
      callerHeaders: [config.scope, ...config.routes.flatMap((route) => route.scope ?? [])].flatMap(callerHeaders),
      servesAdmin: config.admin === "shared",
      trustProxy: config.trustProxy,
      cors: config.cors,
      fingerprintHost: config.fingerprintHost,
      limits: config.limits,
    },
    close: async () => void (await Promise.all(scopes.map((scope) => scope.close()))),
  };
}
