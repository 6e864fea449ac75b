import type { ServerEvent } from "once-again/engine";
import type { HttpResponse } from "once-again/http";
import type { HttpLimits, HttpRules, ProfileRules, UnknownOutcomeRules } from "once-again/internal";
import type { Store } from "once-again/stores";
import type { CorsOptions } from "./cors.ts";
import type { GatewayLimits, RouteLimits } from "./gateway-limits.ts";
import type { GatewayTracing } from "./gateway-tracing.ts";
import type { LogField } from "./log-fields.ts";
import type { RequestRecord } from "./request-record.ts";

/** The options of a gateway. They are checked when it starts, and when it gets new ones. */
export interface GatewayOptions {
  /** The origin of the service behind: scheme, host and port. A path is put in front of every request's own. */
  readonly upstream: URL;
  /** Other services, by the path of a request; the first that matches decides. Default: none. */
  readonly upstreams?: readonly UpstreamRoute[] | undefined;
  /** Where keys are stored. The gateway does not close it. */
  readonly store: Store;
  /**
   * Whether callers get `/-/health`, `/-/metrics` and `/-/routes`, too. Default `false`: these paths pass through as any
   * others, and `startAdminServer` serves them on a port for operators.
   */
  readonly servesAdmin?: boolean | undefined;
  /** Where the store is, for `/-/health`, without a password. Default: it is not said. */
  readonly storeLocation?: string | undefined;
  /** The first route that matches method and path decides; a request without one passes through, untouched. */
  readonly routes: readonly GatewayRoute[];
  /** Names the caller of each keyed request, by what was checked of it; asked before every replay, too. */
  readonly scope: ScopeOf;
  /**
   * Names of headers that say who the caller is, or prove it. No caller can remove one by `Connection`, nor bring another
   * spelling of one that a service would take for it. Default: those that every gateway protects, such as `Authorization`.
   */
  readonly callerHeaders?: readonly string[] | undefined;
  /**
   * Which peers are proxies in front, as in Express: their forwarding headers (`X-Forwarded-*`, `X-Real-IP`, `Forwarded`)
   * are passed on, and extended. Networks such as `10.0.0.0/8`, addresses, "loopback", "linklocal", "uniquelocal"; a number
   * of proxies; `true` for every peer. Default `false`: what a peer says of the way of its request is dropped.
   */
  readonly trustProxy?: TrustProxy | undefined;
  /**
   * Whether a key with another host is another request, so that its repeat is refused with 422. Set it to `false` where one
   * service has several names. Default `true`.
   */
  readonly fingerprintHost?: boolean | undefined;
  /** Which web pages may read the gateway's own responses, such as 409. Default: none. */
  readonly cors?: CorsOptions | undefined;
  /** Default: see `GatewayLimits`. */
  readonly limits?: Partial<GatewayLimits> | undefined;
  /** Called with errors that need a person: a store or a scope that fails. Default one line each by `console.error`, counted when they repeat. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Called for each request when its response has gone out: the access log. */
  readonly onRequest?: ((record: RequestRecord) => void) | undefined;
  /** More fields of the records that `onRequest` gets. Default: none. */
  readonly logFields?: readonly LogField[] | undefined;
  /** Called with what happens to operations; `route` is the path of their route. */
  readonly onEvent?: ((event: ServerEvent, route: string) => void) | undefined;
  /**
   * Called when a service sent more than it was asked for, with its origin: a second answer, or a body where there can be none.
   * Its connections are no longer shared, so that no caller gets the answer of another. `onError` gets a report, too.
   */
  readonly onUnaskedBytes?: ((service: string) => void) | undefined;
  /** Returns the body of `/-/metrics`, in Prometheus' text format. Default: there is no such path. */
  readonly metrics?: (() => Promise<string>) | undefined;
  /** Has a span for each request, and for each that goes to the upstream. Default: none. */
  readonly tracing?: GatewayTracing | undefined;
}

/** The service for the paths that match. */
export interface UpstreamRoute {
  /** A path such as `/billing/*`, as those of routes are written; for every method. */
  readonly path: string;
  /** Scheme, host and port, and a path that is put in front of each request's own. */
  readonly upstream: URL;
  /** The beginning of the path that this service does not get, such as `/billing`: whole segments. Default: none. */
  readonly strip?: string | undefined;
}

/** Which peers are proxies in front. */
export type TrustProxy = boolean | number | readonly string[];

/** Which requests a rule is for, and the rule. */
export interface GatewayRoute extends KeyRules {
  /** In upper case. */
  readonly methods: readonly string[];
  /**
   * The path, as OpenAPI writes it: `/orders/{id}` for one segment in the place of a name, or a part of one as in
   * `/orders/{id}:cancel`; `/orders/*` for everything below, `*` for every path. Matched against the path without dot segments, double slashes and a slash at the end.
   */
  readonly path: string;
  /** Whether a request needs a key, may have one, or passes through whatever key it brings. */
  readonly keyed: "required" | "optional" | false;
  /** The action for an operation that has an unknown outcome. */
  readonly onUnknown: UnknownPolicy;
  /** Instead of the gateway's own. */
  readonly scope?: ScopeOf | undefined;
  /** Limits of its requests, also where they pass through, instead of the gateway's own. */
  readonly limits?: RouteLimits | undefined;
}

/** The rules of the library that a route of the gateway can set. */
export type KeyRules = Pick<HttpRules<never>, "leaseMs" | "noEffectStatuses" | "retentionMs" | "waitMs"> &
  Pick<ProfileRules, "keyHeader" | "expiredKeys" | "problemBase" | "retryAfterSeconds" | "reusedStatus"> &
  Pick<HttpLimits, "quota"> &
  Pick<UnknownOutcomeRules<never>, "heldRetentionMs">;

/**
 * The action for an operation that has an unknown outcome: its first byte was sent, and the upstream died, timed out or
 * was cut in the middle of its response.
 *
 * - `hold`: it is never sent again; a person settles it.
 * - `forward-key`: a repeat is sent again, with the same key. Only where the upstream honours the key itself.
 * - `reconcile`: a repeat asks the upstream by GET what became of it.
 */
export type UnknownPolicy =
  | { readonly policy: "hold" }
  | { readonly policy: "forward-key" }
  | {
      readonly policy: "reconcile";
      /** The URL to GET, below the upstream's origin: `{key}`, `{scope}` and the names of the route's path are filled in. */
      readonly url: string;
      /** With which statuses it says that the operation happened, and what its answer is: this one. Default 200. */
      readonly foundStatuses?: readonly number[] | undefined;
      /** With which statuses it says that nothing happened, so that it is sent again. Default 404. Others say nothing. */
      readonly absentStatuses?: readonly number[] | undefined;
      /**
       * How long the lease of an attempt must be over before "absent" is believed, milliseconds, above 0; default 30,000.
       * Above the time after which the upstream surely has stopped working at what it was asked for.
       */
      readonly quiesceMs?: number | undefined;
    };

/** The facts from which a scope is found: the request as the upstream gets it. */
export interface RequestFacts {
  readonly method: string;
  /** Path and query, without an authority that stood before them. */
  readonly url: string;
  /** The authority of the target where it had one, else the `Host` header; a trusted proxy's `X-Forwarded-Host` counts more. */
  readonly host: string;
  readonly protocol: string;
  /** The value of `X-Forwarded-For`: the addresses that a trusted proxy names, and the peer's. */
  readonly forwardedFor: string;
  /** Every value of each header as it came, by its name in lower case: `headersDistinct` of a Node request. */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  /** The peer's: that of the proxy, where there is one. */
  readonly remoteAddress: string | undefined;
}

/**
 * Names the caller of a request, or answers in the place of the upstream, as 401. Asked for every keyed request, before
 * anything is replayed. What it throws is answered with 503: nothing happened.
 */
export type ScopeOf = (
  request: RequestFacts,
) => Promise<{ readonly scope: string } | { readonly refusal: HttpResponse }>;
