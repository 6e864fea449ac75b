import { hasMethod } from "../core/duck-typing.ts";
import type { Awaitable } from "../core/awaitable.ts";
import type { Listener } from "../core/listener.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { invalidOptionError, requireMethod } from "../core/options.ts";
import type { ServerEvent } from "../engine/index.ts";
import type { HeldCount, Store } from "../stores/store.ts";
import type { ActiveTraceApi, Meter, ObservableResult, ObservingMeter } from "./api.ts";
import { counter, gauge, histogram, metricDefinitions } from "./metrics.ts";
import { serverSpans } from "./server-spans.ts";

/** The options of the telemetry of servers. */
export interface ServerTelemetryOptions {
  /** For metrics: `metrics.getMeter(name)`. */
  readonly meter: Meter;
  /**
   * The `trace` of `@opentelemetry/api` (from 1.2): the span that is active when a request comes, such as that of your HTTP
   * instrumentation, gets the outcome of its operation. Default none.
   */
  readonly trace?: ActiveTraceApi | undefined;
}

/** The options of the telemetry of servers that counts held keys, too. */
export interface HeldTelemetryOptions extends ServerTelemetryOptions {
  readonly meter: ObservingMeter;
  /** The store to count held keys in. Give it in one process, since it is asked whenever metrics are collected. */
  readonly store: Pick<Store, "countHeld">;
}

/**
 * A listener for `onEvent` of anything that runs operations: routes of every framework, functions, MCP tools, engines. One
 * serves any number of them.
 *
 * Metrics: `once_again.server.events`, a counter by `once_again.event` (`executed`, `replayed`, `in-progress`, `mismatch`,
 * `outcome-unknown`, `lease-lost`, `store-failed`, …), and `once_again.server.store.duration`, how long the store takes for
 * each operation. Neither scopes nor keys are in metrics.
 *
 * With `trace`, the span that is active when a request with a key comes gets the attributes `once_again.outcome`,
 * `once_again.attempt` and `once_again.key.hash` (the first 16 hexadecimal digits of the key's SHA-256), and the events
 * `operation ended`, `lease lost` and `store failed`. A span that is not recorded costs nothing.
 *
 * With a store that can count them, gauges say how many keys are held until a person settles them: `once_again.server.held.keys`,
 * up to 10,000, and `once_again.server.held.oldest`, for how many seconds the oldest has been held (0: none is). A third,
 * `once_again.server.ahead.keys`, counts running keys of a time when the store's clock was ahead. The store is asked
 * whenever metrics are collected, so give it in one process. Redis and NATS can't count them: their gauges say nothing.
 * Without a store there are no gauges.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * import { metrics, trace } from "@opentelemetry/api";
 *
 * const store = postgresStore(pool);
 * const onEvent = serverTelemetry({ meter: metrics.getMeter("shop"), trace, store });
 * ```
 */
export function serverTelemetry(options: ServerTelemetryOptions | HeldTelemetryOptions): Listener<ServerEvent> {
  checkNames("serverTelemetry", options, names);
  const { meter, trace } = options;
  const store = "store" in options ? options.store : undefined;
  requireMethod("meter", "metrics.getMeter(name)", meter, "createCounter");
  if (trace !== undefined && !hasMethod(trace, "getActiveSpan")) {
    throw invalidOptionError("trace", "the trace of @opentelemetry/api, from 1.2", typeof trace);
  }
  if (store?.countHeld !== undefined) observeHeld(meter as ObservingMeter, () => store.countHeld!());
  const count = serverMetrics(meter);
  if (trace === undefined) return count;
  const describe = serverSpans(trace);
  return (event) => {
    count(event);
    describe(event);
  };
}

const names: OptionNames<HeldTelemetryOptions> = { meter: true, trace: true, store: true };

function serverMetrics(meter: Meter): Listener<ServerEvent> {
  const events = counter(meter, metricDefinitions.serverEvents);
  const duration = histogram(meter, metricDefinitions.storeDuration);
  return (event) => {
    if (event.type === "received") return;
    if (event.type === "store-answered") {
      duration.record(event.elapsedMs / 1000, { "once_again.store.operation": event.operation });
      return;
    }
    const operation = event.type === "store-failed" ? { "once_again.store.operation": event.operation } : undefined;
    events.add(1, { "once_again.event": event.type, ...operation });
  };
}

/** Asks for the held keys whenever metrics are collected. A store that does not answer then leaves a gap. */
function observeHeld(meter: ObservingMeter, countHeld: () => Awaitable<HeldCount>): void {
  const keys = gauge(meter, metricDefinitions.heldKeys);
  const oldest = gauge(meter, metricDefinitions.heldOldest);
  const ahead = gauge(meter, metricDefinitions.aheadKeys);
  const observe = async (result: ObservableResult): Promise<void> => {
    const held = await countHeld();
    result.observe(keys, held.keys);
    result.observe(oldest, (held.oldestMs ?? 0) / 1000);
    result.observe(ahead, held.ahead ?? 0);
  };
  meter.addBatchObservableCallback(observe, [keys, oldest, ahead]);
}
