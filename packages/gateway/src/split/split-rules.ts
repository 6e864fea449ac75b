import type { GatewayConfig } from "../config/read-config.ts";

/** Their names. */
export const frontProxies = ["nginx", "haproxy", "caddy"] as const;

/** A proxy in front, which passes requests through by itself and sends those with a key to the gateway. */
export type FrontProxy = (typeof frontProxies)[number];

/** The part of a gateway's configuration that a proxy in front needs. */
export interface SplitRules {
  /** Where the gateway listens, as `127.0.0.1:8081`. */
  readonly gateway: string;
  readonly upstream: URL;
  /** The header of the account, which the proxy has to set; undefined where the gateway checks callers itself. */
  readonly accountHeader: string | undefined;
  readonly bodyBytesMax: number;
  /** How long the gateway may take for a response, seconds: longer than a keyed operation may take. */
  readonly responseSeconds: number;
  /** Methods of which a request may be keyed. */
  readonly methods: readonly string[];
  /** The first that matches by methods and path decides; without one, the request goes to the service. */
  readonly rules: readonly SplitRule[];
}

/** Where requests of some methods and paths go. */
export interface SplitRule {
  /** As the configuration has it, for a comment. */
  readonly path: string;
  readonly methods: readonly string[];
  /** A regular expression for a whole path without its query; see `oddPath`. */
  readonly pattern: string;
  /** "keyed": to the gateway if it has one of `keyHeaders`, else to the service. */
  readonly to: "gateway" | "service" | "keyed";
  /** In lower case. */
  readonly keyHeaders: readonly string[];
}

/**
 * Paths that proxies and services read in several ways: with escapes, parameters, backslashes, double slashes or dot segments.
 * They go to the gateway, which matches its routes against what they stand for, and passes on what takes no key.
 */
export const oddPath = String.raw`[%;\\]|//|/\.`;

/** The limits where none are set: see `GatewayLimits`. */
const defaults = { bodyBytesMax: 1_048_576, totalMs: 300_000 };

/** Reads what a proxy in front needs of a configuration. */
export function splitRules({ upstream, scope, listen, limits, routes }: GatewayConfig): SplitRules {
  const host = ["0.0.0.0", "::"].includes(listen.host) ? "127.0.0.1" : listen.host;
  const { bodyBytesMax, totalMs } = { ...defaults, ...limits };
  const keyed = routes.filter(({ keyed: isKeyed }) => isKeyed !== false);
  return {
    gateway: `${host.includes(":") ? `[${host}]` : host}:${listen.port}`,
    upstream,
    accountHeader: scope.by === "header" ? scope.name : undefined,
    bodyBytesMax,
    responseSeconds: Math.ceil(totalMs / 1000) + 30,
    methods: [...new Set(keyed.flatMap(({ methods }) => methods))],
    rules: routes.map(({ path, methods, keyed: isKeyed, keyHeader = "idempotency-key" }) => ({
      path,
      methods,
      pattern: pathRegex(path),
      to: isKeyed === "optional" ? "keyed" : isKeyed === false ? "service" : "gateway",
      keyHeaders: [...new Set(["idempotency-key", keyHeader.toLowerCase()])],
    })),
  };
}

/** A route's path as a regular expression of PCRE and RE2, without quotes, blanks and groups that capture. */
function pathRegex(template: string): string {
  if (template === "*") return ".*";
  const segments = template.split("/").filter((segment) => segment !== "");
  const isOpen = segments.at(-1) === "*";
  const parts = segments.slice(0, isOpen ? -1 : undefined).map((segment) => `/${segmentRegex(segment)}`);
  return `${parts.join("")}${isOpen ? "(?:/.*)?" : "/?"}`;
}

const segmentRegex = (segment: string): string =>
  segment
    .split(/\{[^{}]+\}/)
    .map((text) => text.replaceAll(/[^\w~!&,=:@-]/g, (sign) => (/[.$()*+]/.test(sign) ? `\\${sign}` : ".")))
    .join("[^/?]+");

/** The headers that every proxy clears: only it, the gateway or a connection may set them. */
export const clearedHeaders = [
  "Forwarded",
  "Idempotency-Attempt",
  "Idempotency-Fence",
  "Idempotent-Replayed",
  "Trailer",
  "TE",
  "Expect",
] as const;

/** The lines that begin every configuration. */
export function headerComment(proxy: FrontProxy, { accountHeader }: SplitRules): string[] {
  const account =
    accountHeader === undefined
      ? []
      : [
          `${accountHeader} decides which account a key belongs to. Replace the empty account below with what YOUR check of callers`,
          "has found; while it is empty, the gateway answers 401.",
        ];
  return [
    `Made by: once-again gateway --print ${proxy}. Print it anew when the routes change.`,
    "Requests that take a key go to the gateway, all others straight to the service.",
    ...account,
    "The gateway has to trust this proxy: trustProxy: loopback, or its address.",
  ];
}
