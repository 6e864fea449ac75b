import { type ConfigError, formatProblem } from "../config/config-problem.ts";
import type { GatewayConfig } from "../config/read-config.ts";
import type { RouteRule } from "../config/route-schema.ts";
import type { ScopeRule } from "../scope/scope-rule.ts";
import type { UpstreamRoute } from "../gateway-options.ts";
import { formatStoreLocation, type Painter, readStoreLocation } from "once-again/internal/command";

/** The text of `--check` for a valid configuration: where keys are stored, their scope, and the routes. */
export function formatConfig(
  { upstream, upstreams, store, scope, admin, routes }: GatewayConfig,
  painter: Painter,
): string {
  const width = Math.max(...routes.map((route) => requestsOf(route).length));
  const lines = routes.map((route) => `  ${requestsOf(route).padEnd(width)}  ${painter.faint(formatRule(route))}`);
  return [
    painter.good("The configuration is fine."),
    ...upstreams.map((one) => `upstream  ${one.path} ${formatUpstream(one)}`),
    `upstream  ${upstream.href}`,
    `store     ${formatStore(store)}`,
    `scope     ${formatScope(scope)}`,
    `admin     ${formatAdmin(admin)}`,
    "routes    the first that fits",
    ...lines,
    "",
  ].join("\n");
}

/** The same, or what is wrong, as a JSON document. */
export function configJson(config: GatewayConfig): object {
  const { upstream, upstreams, store, routes } = config;
  return {
    valid: true,
    upstream: upstream.href,
    upstreams: upstreams.map((one) => ({ ...one, upstream: one.upstream.href })),
    store: formatStore(store),
    scope: formatScope(config.scope),
    routes: routes.map(routeJson),
  };
}

export const problemsJson = ({ problems }: ConfigError): object => ({
  valid: false,
  problems: problems.map((problem) => ({ ...problem, text: formatProblem(problem) })),
});

function routeJson({ scope, ...route }: RouteRule): object {
  return { ...route, ...(scope && { scope: formatScope(scope) }) };
}

const formatUpstream = ({ upstream, strip }: UpstreamRoute): string =>
  strip === undefined ? upstream.href : `${upstream.href}, without ${strip}`;

const requestsOf = ({ methods, path }: RouteRule): string => `${methods.join(",")} ${path}`;

function formatRule({ keyed, onUnknown, scope }: RouteRule): string {
  if (keyed === false) return "passes through";
  const scopeText = scope === undefined ? "" : `, scope ${formatScope(scope)}`;
  return `key ${keyed}, unknown outcomes: ${onUnknown.policy}${scopeText}`;
}

/** Where operators get health, metrics and routes. */
function formatAdmin(admin: GatewayConfig["admin"]): string {
  if (admin === undefined) return "no port";
  return admin === "shared" ? "at the callers' port, for everybody who reaches it" : `${admin.host}:${admin.port}`;
}

/** Where keys are stored, without a password. */
export const formatStore = (location: string): string => formatStoreLocation(readStoreLocation(location));

/** As it is written, without what else it has. */
function formatScope(rule: ScopeRule): string {
  if (rule.by === "jwt") return `jwt:${rule.claim}`;
  return rule.by === "header" ? `header:${rule.name}` : `auth:${rule.url.href}`;
}
