import type { HttpResponse } from "once-again/http";
import type { Store, StoreHealth } from "once-again/stores";
import type { PlaceCounts } from "./places.ts";
import type { GatewayOptions, GatewayRoute } from "./gateway-options.ts";

/** The gateway's own endpoints, under `/-/`. */
export interface AdminEndpoints {
  /** The answer to a path; `undefined` for every other. */
  answer(path: string): Promise<HttpResponse> | undefined;
}

/** The document of `/-/health`. */
export interface HealthDocument {
  readonly status: "up" | "draining";
  readonly store: StoreHealth & { readonly location?: string | undefined };
}

/** The document of `/-/ready`. */
export interface ReadyDocument {
  readonly status: "ready" | "draining" | "not-ready";
  /** The reasons why it is not ready. */
  readonly problems: readonly string[];
  readonly places: readonly PlaceCounts[];
}

/** The document of `/-/routes`, in the order in which routes are tried, without their scopes and lookup URLs. */
export interface RoutesDocument {
  readonly routes: readonly {
    readonly methods: readonly string[];
    readonly path: string;
    readonly keyed: GatewayRoute["keyed"];
    readonly onUnknown: GatewayRoute["onUnknown"]["policy"];
  }[];
}

/** How long to wait for the store's word on its health, milliseconds. */
const healthMsMax = 2000;

/**
 * Health for load balancers, metrics for Prometheus, and routes for the console. A gateway is healthy while its store is
 * down, since it then refuses keyed requests and passes all others on. So `/-/health` reports the store, and answers 503
 * only during a shutdown. `/-/alive` says that the process answers, and `/-/ready` that an operation could be executed now: the
 * store answers, and each service has a free place.
 *
 * @param placeCounts how full the services are.
 */
export function adminEndpoints(
  {
    store,
    storeLocation: location,
    routes,
    metrics,
  }: Pick<GatewayOptions, "store" | "storeLocation" | "routes" | "metrics">,
  isDraining: () => boolean,
  placeCounts: () => readonly PlaceCounts[],
): AdminEndpoints {
  let asked: Promise<StoreHealth> | undefined;
  // However many look at a time, the store is asked once.
  const askStore = (): Promise<StoreHealth> => (asked ??= storeHealth(store).finally(() => (asked = undefined)));
  const health = async (): Promise<HttpResponse> => {
    const status = isDraining() ? "draining" : "up";
    const document: HealthDocument = { status, store: { location, ...(await askStore()) } };
    return jsonResponse(isDraining() ? 503 : 200, document);
  };
  const ready = async (): Promise<HttpResponse> => {
    const { isHealthy } = await askStore();
    const places = placeCounts();
    const problems = [
      ...(isHealthy ? [] : ["The store does not answer, or says that it is not healthy."]),
      ...(places.every(({ free }) => free > 0) ? [] : ["A service has no free place."]),
    ];
    const status = isDraining() ? "draining" : problems.length === 0 ? "ready" : "not-ready";
    const document: ReadyDocument = { status, problems, places };
    return jsonResponse(status === "ready" ? 200 : 503, document);
  };
  return {
    answer(path) {
      if (path === "/-/alive") return Promise.resolve(jsonResponse(200, { status: "alive" }));
      if (path === "/-/ready") return ready();
      if (path === "/-/health") return health();
      if (path === "/-/routes") return Promise.resolve(jsonResponse(200, routesDocument(routes)));
      if (path !== "/-/metrics" || metrics === undefined) return undefined;
      return metrics().then(
        (text) => textResponse(200, "text/plain; version=0.0.4; charset=utf-8", text),
        () => textResponse(503, "text/plain", "The metrics can't be collected.\n"),
      );
    },
  };
}

function routesDocument(routes: readonly GatewayRoute[]): RoutesDocument {
  return {
    routes: routes.map(({ methods, path, keyed, onUnknown: { policy } }) => ({
      methods,
      path,
      keyed,
      onUnknown: policy,
    })),
  };
}

async function storeHealth(store: Store): Promise<StoreHealth> {
  const away = { isHealthy: false, problems: ["The store does not answer."] };
  const { promise: late, resolve } = Promise.withResolvers<StoreHealth>();
  const timer = setTimeout(resolve, healthMsMax, away);
  const asked = async (): Promise<StoreHealth> => {
    if (store.health !== undefined) return store.health();
    await store.list({ limit: 1 });
    return { isHealthy: true, problems: [] };
  };
  try {
    return await Promise.race([asked(), late]);
  } catch {
    return away;
  } finally {
    clearTimeout(timer);
  }
}

const jsonResponse = (status: number, document: object): HttpResponse =>
  textResponse(status, "application/json", `${JSON.stringify(document)}\n`);

function textResponse(status: number, type: string, text: string): HttpResponse {
  const headers = [
    ["content-type", type],
    ["cache-control", "no-store"],
  ] as const;
  return { status, headers, body: Buffer.from(text) };
}
