import { checkChoice, checkNumber, invalidOptionError } from "once-again/internal";
import { checkPolicy } from "./check-policy.ts";
import type { Arrivals, NetworkOptions, Outage, ServiceOptions, StormOptions } from "./storm-options.ts";
import type { PolicySettings } from "./policy/policy-settings.ts";
import type { ServiceSettings, StormSettings } from "./storm-settings.ts";

const hour = 3_600_000;
const day = 24 * hour;
const stepsMax = 100_000;

/**
 * The options of a storm, checked, with every default filled in.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function checkStorm(options: StormOptions = {}): StormSettings {
  const durationMs = checkNumber("durationMs", options.durationMs ?? 120_000, { min: 1000, max: day });
  const stepMs = checkNumber("stepMs", options.stepMs ?? 1000, { min: 10, max: 60_000 });
  if (durationMs / stepMs > stepsMax) throw invalidOptionError("stepMs", `at least durationMs / ${stepsMax}`, stepMs);
  const policy = checkPolicy(options.policy ?? {});
  const services = checkServices(options.services ?? [{}], policy);
  return {
    seed: checkNumber("seed", options.seed ?? 1, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
    durationMs,
    arrivals: checkArrivals(options.arrivals ?? { kind: "at-once", callers: 1000 }),
    policy,
    processes: checkNumber("processes", options.processes ?? 1, { min: 1, max: 10_000, integer: true }),
    network: checkNetwork(options.network ?? {}),
    services,
    outages: checkOutages(options.outages ?? [], services.length),
    stepMs,
  };
}

function checkArrivals(arrivals: Arrivals): Arrivals {
  checkChoice("arrivals.kind", arrivals.kind, ["at-once", "poisson", "closed"]);
  if (arrivals.kind === "poisson") {
    checkNumber("arrivals.perSecond", arrivals.perSecond, { min: 0.001, max: 1_000_000 });
    return arrivals;
  }
  checkNumber("arrivals.callers", arrivals.callers, { min: 1, max: 1_000_000, integer: true });
  if (arrivals.kind === "closed") {
    checkNumber("arrivals.thinkMs", arrivals.thinkMs, { min: 1, max: hour });
    return arrivals;
  }
  const withinMs = checkNumber("arrivals.withinMs", arrivals.withinMs ?? 0, { min: 0, max: hour });
  return { ...arrivals, withinMs };
}

function checkNetwork({ delayMs = 5, spreadMs = Math.min(1, delayMs), lossRatio = 0 }: NetworkOptions) {
  return {
    delayMs: checkNumber("network.delayMs", delayMs, { min: 0, max: 60_000 }),
    spreadMs: checkNumber("network.spreadMs", spreadMs, { min: 0, max: 60_000 }),
    lossRatio: checkNumber("network.lossRatio", lossRatio, { min: 0, max: 1 }),
  };
}

function checkServices(services: readonly ServiceOptions[], callers: PolicySettings): readonly ServiceSettings[] {
  checkNumber("services.length", services.length, { min: 1, max: 10, integer: true });
  return services.map((service, index) => {
    const isLast = index === services.length - 1;
    const policy = service.policy === undefined ? callers : checkPolicy(service.policy);
    return { ...checkService(service), ...(!isLast && { policy }) };
  });
}

function checkService(options: ServiceOptions): Omit<ServiceSettings, "policy"> {
  const { queueTimeoutMs, retryAfter, retryAfterMs } = options;
  return {
    workers: checkNumber("workers", options.workers ?? 1, { min: 1, max: 10_000, integer: true }),
    serviceMs: checkNumber("serviceMs", options.serviceMs ?? 10, { min: 0, max: hour }),
    serviceTime: checkChoice("serviceTime", options.serviceTime ?? "fixed", ["fixed", "exponential"]),
    queueMax: checkNumber("queueMax", options.queueMax ?? 10_000_000, { min: 0, max: 10_000_000, integer: true }),
    ...(queueTimeoutMs !== undefined && {
      queueTimeoutMs: checkNumber("queueTimeoutMs", queueTimeoutMs, { min: 1, max: day }),
    }),
    ...(retryAfterMs !== undefined && {
      retryAfterMs: checkNumber("retryAfterMs", retryAfterMs, { min: 1, max: day }),
    }),
    ...(retryAfter !== undefined && {
      retryAfter: checkChoice("retryAfter", retryAfter, ["constant", "spread"]),
    }),
    errorRatio: checkNumber("errorRatio", options.errorRatio ?? 0, { min: 0, max: 1 }),
  };
}

function checkOutages(outages: readonly Outage[], services: number): readonly Required<Outage>[] {
  checkNumber("outages.length", outages.length, { min: 0, max: 100, integer: true });
  const checked = outages
    .map(({ fromMs, kind = "refuse", service = services - 1, toMs }) => ({
      fromMs: checkNumber("outages.fromMs", fromMs, { min: 0, max: day }),
      toMs: checkNumber("outages.toMs", toMs, { min: fromMs, max: day }),
      kind: checkChoice("outages.kind", kind, ["hold", "refuse", "shed"]),
      service: checkNumber("outages.service", service, { min: 0, max: services - 1, integer: true }),
    }))
    .toSorted((one, other) => one.fromMs - other.fromMs);
  for (const [index, { fromMs, service }] of checked.entries()) {
    const overlaps = checked.slice(0, index).some((before) => before.service === service && before.toMs > fromMs);
    if (overlaps) throw invalidOptionError("outages", "apart from each other at each service", fromMs);
  }
  return checked;
}
