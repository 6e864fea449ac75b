import { z } from "zod";
import { readStoreLocation } from "once-again/internal/command";
import type { CorsOptions } from "../cors.ts";
import type { TrustProxy, UpstreamRoute } from "../gateway-options.ts";
import type { GatewayLimits } from "../gateway-limits.ts";
import type { ScopeRule } from "../scope/scope-rule.ts";
import { type LogField, logFields } from "../log-fields.ts";
import { isBeginningOf } from "../upstream-routes.ts";
import { pathTemplate, routeSchema, type RouteRule } from "./route-schema.ts";
import { scopeForms } from "../scope/scope-rule.ts";
import { network, scopeSchema } from "./scope-schema.ts";
import {
  dependent,
  duration,
  explained,
  httpUrl,
  list,
  oneOf,
  readNumber,
  settings,
  size,
  text,
  truth,
  value,
  wholeNumber,
} from "./values.ts";

/** A checked configuration, as its file and the flags have it. Paths of files are as they are written. */
export interface ConfigValues {
  readonly upstream: URL;
  /** As it is written; see `readStoreLocation`. */
  readonly store: string;
  readonly scope: ScopeRule;
  readonly trustProxy: TrustProxy;
  readonly fingerprintHost: boolean;
  readonly cors?: CorsOptions | undefined;
  readonly openapi: string | undefined;
  /** In the order in which they are asked; missing where a document or the default has them all. */
  readonly routes: readonly RouteRule[];
  readonly limits: Partial<GatewayLimits>;
  readonly listen: {
    readonly host: string;
    readonly port: number;
    /** Paths of the gateway's certificate and key, PEM. */
    readonly cert: string | undefined;
    readonly key: string | undefined;
  };
  /** Whether callers may speak HTTP/2 at that port. */
  readonly http2: boolean;
  /** Where operators get health, metrics and routes; "shared": at the callers' own port; undefined: nowhere. */
  readonly admin: { readonly host: string; readonly port: number } | "shared" | undefined;
  /** How long a shutdown waits for running requests and open WebSockets, milliseconds. */
  readonly drainMs: number;
  readonly workers: number;
  readonly upstreams: readonly UpstreamRoute[];
  /** Whether each request is logged, as a line of JSON. */
  readonly accessLog: boolean;
  /** More fields of that line. */
  readonly logFields: readonly LogField[];
}

const dayMs = 86_400_000;
const time = (example: string): z.ZodType<number | undefined> => duration(example, { min: 1, max: dayMs }).optional();

const limits = settings("a mapping of limits", {
  body: size(0).optional(),
  result: size(1024).optional(),
  connect: time("5s"),
  firstByte: time("60s"),
  idle: time("60s"),
  total: time("5m"),
  passTotal: time("1h"),
  callerRate: wholeNumber(0, 1_000_000_000).optional(),
  place: time("5s"),
  waiting: wholeNumber(0, 1_000_000).optional(),
  connections: wholeNumber(1, 65_535).optional(),
  callers: wholeNumber(1, 1_000_000).optional(),
  head: time("60s"),
  bodies: size(0).optional(),
}).transform(({ body, result, connect, firstByte, idle, total, connections, callers, head, bodies, ...more }) =>
  given({
    bodyBytesMax: body,
    resultBytesMax: result,
    connectMs: connect,
    firstByteMs: firstByte,
    idleMs: idle,
    totalMs: total,
    passTotalMs: more.passTotal,
    callerRateMin: more.callerRate,
    placeMs: more.place,
    waitingMax: more.waiting,
    connectionsMax: connections,
    callersMax: callers,
    headMs: head,
    bodiesBytesMax: bodies,
  }),
);

const listen = settings("a mapping with port", {
  host: text("an address to listen at, such as 127.0.0.1").optional(),
  port: wholeNumber(0, 65_535).optional(),
  cert: text("the file of a certificate, PEM").optional(),
  key: text("the file of the certificate's key, PEM").optional(),
});

const cors: z.ZodType<CorsOptions> = settings("a mapping with origins", {
  origins: list(
    "origins such as https://shop.example",
    value("an origin such as https://shop.example, or *", (given) =>
      typeof given === "string" && (given === "*" || URL.parse(given)?.origin === given.toLowerCase())
        ? given
        : undefined,
    ),
  ),
  credentials: truth.optional(),
}).transform((read, context) => {
  if (read.credentials === true && read.origins.includes("*")) {
    const message = "false where every origin is allowed: name the origins";
    context.issues.push({ code: "custom", path: ["credentials"], message, input: true });
  }
  return read;
});

const portDefault = 8081;

type AdminSetting = false | { readonly host?: string | undefined; readonly port?: number | undefined };

const admin = dependent<AdminSetting>((given) =>
  given === false
    ? value<AdminSetting>("false", () => false)
    : settings("a mapping with port, or false", {
        host: text("an address to listen at, such as 127.0.0.1").optional(),
        port: wholeNumber(0, 65_535).optional(),
      }),
);

/** The port after the callers' own, on loopback, unless something else is said. */
function adminAddress(port: number, given: AdminSetting | undefined): ConfigValues["admin"] {
  if (given === false) return undefined;
  const next = port === 65_535 ? port - 1 : port + 1;
  const address = { host: given?.host ?? "127.0.0.1", port: given?.port ?? (port === 0 ? 0 : next) };
  return address.port === port && port !== 0 ? "shared" : address;
}

/** Which peers are proxies in front, as Express' `trust proxy` has it. */
const trustProxy = dependent<TrustProxy>((given) => {
  if (truth.safeParse(given).success) return truth;
  if (readNumber(given) !== undefined) return wholeNumber(0, 100);
  const expected = "addresses or networks of proxies, such as loopback or 10.0.0.0/8, a number of proxies, or false";
  const names = typeof given === "string" ? given.split(",").map((name) => name.trim()) : given;
  return z.preprocess(() => names, list(expected, network));
});

const serviceUrl = value("the URL of the service behind, such as http://127.0.0.1:8080", (url) => {
  const found = httpUrl("").safeParse(url);
  return found.success && found.data.search === "" ? found.data : undefined;
});

const upstreamRoute: z.ZodType<UpstreamRoute> = settings("a mapping with path and upstream", {
  path: pathTemplate,
  upstream: serviceUrl,
  strip: text("the beginning of the path that the service does not get, such as /billing").optional(),
}).transform((read, context) => {
  const { path, strip } = read;
  if (strip !== undefined && !(strip.startsWith("/") && isBeginningOf(strip, path))) {
    const message = `the beginning of its path ${path}, in whole segments without a name`;
    context.issues.push({ code: "custom", path: ["strip"], message, input: strip });
  }
  return read;
});

/** @param folder that the paths of files are relative to. */
export function configSchema(folder: string): z.ZodType<ConfigValues> {
  const scope = scopeSchema(folder);
  return settings("a mapping of settings", {
    upstream: serviceUrl,
    store: explained("where keys are stored, such as sqlite:keys.db or redis://127.0.0.1:6379", (location) => {
      readStoreLocation(location);
      return location;
    }),
    scope: value(scopeForms, (rule) => rule).pipe(scope),
    trustProxy: trustProxy.optional(),
    fingerprintHost: truth.optional(),
    cors: cors.optional(),
    openapi: text("the file of an OpenAPI document").optional(),
    routes: z.array(routeSchema(scope), { error: "a list of routes" }).optional(),
    limits: limits.optional(),
    listen: listen.optional(),
    http2: truth.optional(),
    admin: admin.optional(),
    drain: time("30s"),
    workers: wholeNumber(1, 256).optional(),
    upstreams: z.array(upstreamRoute, { error: "a list of mappings with path and upstream" }).optional(),
    accessLog: truth.optional(),
    logFields: list(`fields such as ${logFields.join(", ")}`, oneOf(...logFields)).optional(),
  }).transform(
    ({
      openapi,
      routes,
      limits: bounds,
      listen: place,
      admin: operators,
      drain,
      workers,
      accessLog,
      logFields: fields,
      upstreams,
      ...rest
    }): ConfigValues => ({
      ...rest,
      trustProxy: rest.trustProxy ?? false,
      fingerprintHost: rest.fingerprintHost ?? true,
      http2: rest.http2 ?? false,
      openapi,
      routes: routes ?? [],
      limits: bounds ?? {},
      listen: {
        host: place?.host ?? "127.0.0.1",
        port: place?.port ?? portDefault,
        cert: place?.cert,
        key: place?.key,
      },
      admin: adminAddress(place?.port ?? portDefault, operators),
      drainMs: drain ?? 30_000,
      workers: workers ?? 1,
      upstreams: upstreams ?? [],
      // Who names fields wants the log.
      accessLog: accessLog ?? fields !== undefined,
      logFields: fields ?? [],
    }),
  );
}

/** The settings that are there, so that defaults fill the others. */
function given<Settings extends object>(
  settings: Settings,
): { [Name in keyof Settings]?: Exclude<Settings[Name], undefined> } {
  return Object.fromEntries(Object.entries(settings).filter(([, one]) => one !== undefined)) as never;
}
