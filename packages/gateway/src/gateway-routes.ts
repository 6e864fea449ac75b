import type { IncomingMessage } from "node:http";
import { type GatewayLimits, type LimitsInForce, routeLimits } from "./gateway-limits.ts";
import type { GatewayOptions, GatewayRoute } from "./gateway-options.ts";
import { type KeyedRoute, keyedRoute } from "./keyed-route.ts";
import { normalPath, type PathVariables, pathPattern } from "./path-pattern.ts";
import type { Upstream } from "./upstream.ts";

/** The routes of a gateway. */
export interface GatewayRoutes {
  /** The route of a request. */
  find(request: IncomingMessage, target: string): RouteOfRequest;
  /** The header of keys of the route about which a preflight asks; undefined where it takes none. */
  keyHeader(preflight: IncomingMessage, target: string): string | undefined;
  /** Resolves when the running operations have ended and are stored. */
  close(): Promise<void>;
}

/** The rules for one request. */
export interface RouteOfRequest {
  readonly inForce: LimitsInForce;
  /** The route that keys it; missing for a request that passes through. */
  readonly keyed?: { readonly route: KeyedRoute; readonly variables: PathVariables } | undefined;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. */
export function openRoutes(options: GatewayOptions, limits: GatewayLimits, upstream: Upstream): GatewayRoutes {
  const routes = options.routes.map((route) => {
    const inForce = routeLimits(route.path, limits, route.limits);
    return {
      ...route,
      pattern: pathPattern(route.path),
      passing: { inForce },
      keyedRoute: route.keyed === false ? undefined : keyedRoute(route, options, inForce, upstream),
    };
  });
  const fallback: RouteOfRequest = { inForce: routeLimits("*", limits) };
  return {
    find(request, target) {
      const path = normalPath(target);
      for (const route of routes) {
        if (!route.methods.includes(request.method ?? "")) continue;
        const variables = route.pattern(path);
        if (variables === undefined) continue;
        const { keyedRoute: keyed, passing } = route;
        if (keyed === undefined || (route.keyed === "optional" && !hasKey(request, route))) return passing;
        return { inForce: passing.inForce, keyed: { route: keyed, variables } };
      }
      return fallback;
    },
    keyHeader({ headers }, target) {
      const path = normalPath(target);
      const method = headers["access-control-request-method"] ?? "";
      const route = routes.find(({ methods, pattern }) => methods.includes(method) && pattern(path) !== undefined);
      return route === undefined || route.keyed === false ? undefined : (route.keyHeader ?? "Idempotency-Key");
    },
    async close() {
      await Promise.all(routes.map(async ({ keyedRoute: route }) => route?.close()));
    },
  };
}

/** Whether a request brings a key: in the route's header, or in the usual one, which is refused then. */
function hasKey({ headers }: IncomingMessage, { keyHeader = "" }: GatewayRoute): boolean {
  return headers["idempotency-key"] !== undefined || headers[keyHeader.toLowerCase()] !== undefined;
}
