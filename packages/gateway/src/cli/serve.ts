import { metrics as globalMetrics, trace } from "@opentelemetry/api";
import { serverTelemetry } from "once-again/opentelemetry";
import type { Store } from "once-again/stores";
import { type OpenConfig, openConfig } from "../config/open-config.ts";
import { type GatewayConfig, type GivenConfig, readConfig } from "../config/read-config.ts";
import { watchFiles } from "../config/watch-files.ts";
import { type AdminServer, startAdminServer } from "../admin-server.ts";
import { type AdminEndpoints, adminEndpoints } from "../admin-endpoints.ts";
import { gatewayMetrics } from "../gateway-metrics.ts";
import type { GatewayOptions } from "../gateway-options.ts";
import { gatewayTracing } from "../gateway-tracing.ts";
import { startGateway } from "../gateway.ts";
import type { RequestRecord } from "../request-record.ts";
import { serverStoreFromUrl, waitForAbort } from "once-again/internal/command";
import { formatStore } from "./check.ts";
import type { GatewayUrls } from "./worker-orders.ts";
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
 * Runs a gateway in this process until `signal` aborts. Reads its configuration again when one of its files has changed, and
 * when a reload is requested.
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
  let config = first;
  let open = openConfig(config, store);
  let endWatch = (): void => undefined;
  try {
    let endpoints = adminEndpoints(observed(open.options, config), () => signal.aborted);
    // It is closed last: health says that the gateway drains.
    await using admin = await startAdmin(config.admin, () => endpoints);
    await using gateway = await startGateway(observed(open.options, config), {
      ...config.listen,
      http2: config.http2,
    }).catch((error: Error) => refuseAddress(error, "--host or --port"));
    const reload = (): void => {
      let opened: OpenConfig | undefined;
      try {
        const next = readConfig(given);
        opened = openConfig(next, store);
        const options = observed(opened.options, next);
        gateway.reload(options, next.listen.tls);
        endpoints = adminEndpoints(options, () => signal.aborted);
        void open.close();
        open = opened;
        reports.onReload(reloadMessage(config, next));
        config = next;
        watch();
      } catch (error) {
        void opened?.close();
        reports.onReload(`The configuration can't be used, and the one before holds:\n${(error as Error).message}`);
      }
    };
    const watch = (): void => {
      endWatch();
      endWatch = watchFiles(config.files, reload);
    };
    watch();
    reports.onListening({ url: gateway.url, adminUrl: admin?.url ?? (first.admin && gateway.url) });
    reloads.answerBy(reload);
    await waitForAbort(signal);
    // A gateway that ends reads no configuration any more.
    endWatch();
    reloads.answerBy(() => undefined);
    await gateway.close(config.drainMs);
  } finally {
    endWatch();
    await open.close();
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

/** Settings that only a new process takes. */
const startSettings: Readonly<Record<string, (config: GatewayConfig) => unknown>> = {
  store: ({ store }) => store,
  workers: ({ workers }) => workers,
  http2: ({ http2 }) => http2,
  "another address": ({ listen, admin }) => JSON.stringify([listen.tls === undefined, listen.host, listen.port, admin]),
};

function reloadMessage(before: GatewayConfig, next: GatewayConfig): string {
  const changed = Object.keys(startSettings).filter(
    (name) => startSettings[name]!(before) !== startSettings[name]!(next),
  );
  const restart = changed.length === 0 ? "" : ` Restart it for ${changed.join(" and ")}.`;
  return `The configuration was read again.${restart}`;
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
