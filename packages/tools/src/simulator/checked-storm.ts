import { checkedChoice, checkedNumber, invalidOption } from "once-again/options";
import { checkedPolicy } from "./checked-policy.ts";
import type { Arrivals, NetworkOptions, Outage, ServiceOptions, StormOptions } from "./storm-options.ts";
import type { PolicySettings, ServiceSettings, StormSettings } from "./storm-settings.ts";

const hour = 3_600_000;
const day = 24 * hour;
const stepsMax = 100_000;

/**
 * The options of a storm, checked, with every default filled in.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function stormSettings(options: StormOptions = {}): StormSettings {
  const durationMs = checkedNumber("durationMs", options.durationMs ?? 120_000, { min: 1000, max: day });
  const stepMs = checkedNumber("stepMs", options.stepMs ?? 1000, { min: 10, max: 60_000 });
  if (durationMs / stepMs > stepsMax) throw invalidOption("stepMs", `at least durationMs / ${stepsMax}`, stepMs);
  const policy = checkedPolicy(options.policy ?? {});
  const services = checkedServices(options.services ?? [{}], policy);
  return {
    seed: checkedNumber("seed", options.seed ?? 1, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
    durationMs,
    arrivals: checkedArrivals(options.arrivals ?? { kind: "at-once", callers: 1000 }),
    policy,
    processes: checkedNumber("processes", options.processes ?? 1, { min: 1, max: 10_000, integer: true }),
    network: checkedNetwork(options.network ?? {}),
    services,
    outages: checkedOutages(options.outages ?? [], services.length),
    stepMs,
  };
}

function checkedArrivals(arrivals: Arrivals): Arrivals {
  checkedChoice("arrivals.kind", arrivals.kind, ["at-once", "poisson", "closed"]);
  if (arrivals.kind === "poisson") {
    checkedNumber("arrivals.perSecond", arrivals.perSecond, { min: 0.001, max: 1_000_000 });
    return arrivals;
  }
  checkedNumber("arrivals.callers", arrivals.callers, { min: 1, max: 1_000_000, integer: true });
  if (arrivals.kind === "closed") {
    checkedNumber("arrivals.thinkMs", arrivals.thinkMs, { min: 1, max: hour });
    return arrivals;
  }
  const withinMs = checkedNumber("arrivals.withinMs", arrivals.withinMs ?? 0, { min: 0, max: hour });
  return { ...arrivals, withinMs };
}

function checkedNetwork({ delayMs = 5, spreadMs = Math.min(1, delayMs), lossRatio = 0 }: NetworkOptions) {
  return {
    delayMs: checkedNumber("network.delayMs", delayMs, { min: 0, max: 60_000 }),
    spreadMs: checkedNumber("network.spreadMs", spreadMs, { min: 0, max: 60_000 }),
    lossRatio: checkedNumber("network.lossRatio", lossRatio, { min: 0, max: 1 }),
  };
}

function checkedServices(services: readonly ServiceOptions[], callers: PolicySettings): readonly ServiceSettings[] {
  checkedNumber("services.length", services.length, { min: 1, max: 10, integer: true });
  return services.map((service, index) => {
    const isLast = index === services.length - 1;
    const policy = service.policy === undefined ? callers : checkedPolicy(service.policy);
    return { ...checkedService(service), ...(!isLast && { policy }) };
  });
}

function checkedService(options: ServiceOptions): Omit<ServiceSettings, "policy"> {
  const { queueTimeoutMs, retryAfterMs } = options;
  return {
    workers: checkedNumber("workers", options.workers ?? 1, { min: 1, max: 10_000, integer: true }),
    serviceMs: checkedNumber("serviceMs", options.serviceMs ?? 10, { min: 0, max: hour }),
    serviceTime: checkedChoice("serviceTime", options.serviceTime ?? "fixed", ["fixed", "exponential"]),
    queueMax: checkedNumber("queueMax", options.queueMax ?? 10_000_000, { min: 0, max: 10_000_000, integer: true }),
    ...(queueTimeoutMs !== undefined && {
      queueTimeoutMs: checkedNumber("queueTimeoutMs", queueTimeoutMs, { min: 1, max: day }),
    }),
    ...(retryAfterMs !== undefined && {
      retryAfterMs: checkedNumber("retryAfterMs", retryAfterMs, { min: 1, max: day }),
    }),
    errorRatio: checkedNumber("errorRatio", options.errorRatio ?? 0, { min: 0, max: 1 }),
  };
}

function checkedOutages(outages: readonly Outage[], services: number): readonly Required<Outage>[] {
  checkedNumber("outages.length", outages.length, { min: 0, max: 100, integer: true });
  const checked = outages
    .map(({ fromMs, kind = "refuse", service = services - 1, toMs }) => ({
      fromMs: checkedNumber("outages.fromMs", fromMs, { min: 0, max: day }),
      toMs: checkedNumber("outages.toMs", toMs, { min: fromMs, max: day }),
      kind: checkedChoice("outages.kind", kind, ["hold", "refuse", "shed"]),
      service: checkedNumber("outages.service", service, { min: 0, max: services - 1, integer: true }),
    }))
    .toSorted((one, other) => one.fromMs - other.fromMs);
  for (const [index, { fromMs, service }] of checked.entries()) {
    const overlaps = checked.slice(0, index).some((before) => before.service === service && before.toMs > fromMs);
    if (overlaps) throw invalidOption("outages", "apart from each other at each service", fromMs);
  }
  return checked;
}
