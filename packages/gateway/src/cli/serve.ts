import { metrics as globalMetrics, trace } from "@opentelemetry/api";
import { serverTelemetry } from "once-again/opentelemetry";
import type { Store } from "once-again/stores";
import type { GatewayConfig, GivenConfig } from "../config/read-config.ts";
import { type AdminServer, startAdminServer } from "../admin-server.ts";
import { type AdminEndpoints, adminEndpoints } from "../admin-endpoints.ts";
import { gatewayMetrics } from "../gateway-metrics.ts";
import type { GatewayOptions } from "../gateway-options.ts";
import { gatewayTracing } from "../gateway-tracing.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import type { RequestRecord } from "../request-record.ts";
import { serverStoreFromUrl, waitForAbort } from "once-again/internal/command";
import { formatStore } from "./check.ts";
import type { GatewayUrls } from "./worker-orders.ts";
import { ReloadableConfig } from "./reload-config.ts";
import type { ReloadRequests } from "./reload-requests.ts";
import { sharedMetrics } from "./shared-metrics.ts";

/** Calls for events of a running gateway. */
export interface ServeReports {
  onListening(urls: GatewayUrls): void;
  /** Of a configuration that was read again. */
  onReload(message: string): void;
  /** Of each request, where the configuration asks for that. */
  onRequest(record: RequestRecord): void;
}

/**
 * Runs a gateway in this process until `signal` aborts, and reloads its configuration meanwhile.
 *
 * @throws what the store or listening throws.
 */
export async function serve(
  given: GivenConfig,
  first: GatewayConfig,
  signal: AbortSignal,
  reloads: ReloadRequests,
  reports: ServeReports,
): Promise<void> {
  const store = await openStore(first.store);
  const observed = observer(formatStore(first.store), store, reports);
  const config = new ReloadableConfig(given, first, store);
  try {
    let counts: Gateway["placeCounts"] = () => [];
    const endpointsOf = (options: GatewayOptions): AdminEndpoints =>
      adminEndpoints(
        options,
        () => signal.aborted,
        () => counts(),
      );
    let endpoints = endpointsOf(observed(config.options, first));
    // It is closed last: health says that the gateway drains.
    await using admin = await startAdmin(first.admin, () => endpoints);
    await using gateway = await startGateway(observed(config.options, first), {
      ...first.listen,
      http2: first.http2,
    }).catch((error: Error) => refuseAddress(error, "--host or --port"));
    counts = () => gateway.placeCounts();
    const apply = (opened: GatewayOptions, next: GatewayConfig): void => {
      const options = observed(opened, next);
      gateway.reload(options, next.listen.tls);
      endpoints = endpointsOf(options);
    };
    const reload = config.beginReloads(apply, (message) => reports.onReload(message));
    reports.onListening({ url: gateway.url, adminUrl: admin?.url ?? (first.admin && gateway.url) });
    reloads.answerBy(reload);
    await waitForAbort(signal);
    // A gateway that ends reads no configuration any more.
    config.endWatch();
    reloads.answerBy(() => undefined);
    await gateway.close(config.current.drainMs);
  } finally {
    await config.close();
    await store.close();
  }
}

/** Adds metrics, traces and the access log to the options of a gateway, the same ones at each reload. */
function observer(
  storeLocation: string,
  store: Store,
  reports: Pick<ServeReports, "onRequest">,
): (options: GatewayOptions, config: Pick<GatewayConfig, "accessLog">) => GatewayOptions {
  const metrics = gatewayMetrics(store);
  const shown = sharedMetrics(metrics.registry);
  const tracing = gatewayTracing();
  const meter = globalMetrics.getMeter("@once-again/gateway");
  const describe = serverTelemetry({ meter, trace: tracing && trace });
  return (options, { accessLog }) => ({
    ...options,
    storeLocation,
    metrics: shown,
    tracing,
    onEvent(event, route) {
      metrics.onEvent(event, route);
      describe(event);
    },
    onUnaskedBytes: () => metrics.onUnaskedBytes(),
    onRequest(record) {
      metrics.onRequest(record);
      if (accessLog) reports.onRequest(record);
    },
  });
}

async function openStore(location: string): Promise<Store> {
  const store = await serverStoreFromUrl(location);
  try {
    await store.list({ limit: 1 });
    return store;
  } catch (error) {
    await store.close();
    throw new Error(`The store does not answer: ${(error as Error).message}.`, { cause: error });
  }
}

/** Says which setting an address that can't be had comes from. */
function refuseAddress(error: NodeJS.ErrnoException, flags: string): never {
  if (error.syscall === undefined) throw error;
  throw new Error(`It can't listen there, choose another ${flags}: ${error.message}.`, { cause: error });
}

/** The port for operators, where the callers' own is not also theirs. */
async function startAdmin(
  address: GatewayConfig["admin"],
  endpoints: () => AdminEndpoints,
): Promise<AdminServer | undefined> {
  if (address === undefined || address === "shared") return undefined;
  return startAdminServer(address, endpoints).catch((error: Error) =>
    refuseAddress(error, "--admin-host or --admin-port"),
  );
}
