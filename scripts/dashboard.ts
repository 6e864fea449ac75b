/** Writes the Grafana dashboard of `@once-again/tools` from the list below; with `--check`, fails if it differs. */
import { update } from "../test/support/update.ts";

interface Panel {
  readonly title: string;
  readonly says: string;
  /** Of Grafana: `s`, `ops`, `percentunit`, `short`, `bytes`. */
  readonly unit: string;
  readonly kind?: "stat" | "timeseries";
  /** PromQL, by the name of its lines. */
  readonly queries: Readonly<Record<string, string>>;
}

const job = 'job=~"$job"';
const rate = (metric: string, filter = ""): string => `rate(${metric}{${job}${filter}}[$__rate_interval])`;
/** A metric that has its unit in its name after OTLP or the Collector, and not after OpenTelemetry's Prometheus exporter. */
const seconds = (metric: string, end = ""): string => `{__name__=~"${metric}(_seconds)?${end}",${job}}`;
const quantile = (share: number, metric: string, by: string): string =>
  `histogram_quantile(${share}, sum by (le, ${by}) (rate(${seconds(metric, "_bucket")}[$__rate_interval])))`;

/** Requests with a key, for each operation that ended, as the alert counts them: where none ends there is no ratio. */
const attemptsPerIntention = (metric: string, label: string): string =>
  `sum by (job) (${rate(metric, `,${label}!~"lease-lost|store-failed"`)}) / (sum by (job) (${rate(metric, `,${label}=~"executed|handler-failed"`)}) > 0)`;

const held = (what: string, unit: string): string =>
  `max({__name__=~"once_again_(server|gateway)_held_${what}${unit}",${job}})`;

const rows: Readonly<Record<string, readonly Panel[]>> = {
  "Waits for a person": [
    {
      title: "Held keys",
      says: "Keys with an unknown outcome. Runbook: OnceAgainKeyHeld.",
      unit: "short",
      kind: "stat",
      queries: { held: held("keys", "") },
    },
    {
      title: "Oldest held key",
      says: "Since its lease ended.",
      unit: "s",
      kind: "stat",
      queries: { oldest: held("oldest", "(_seconds)?") },
    },
    {
      title: "Parked messages",
      says: "The broker refused them too often. Runbook: OnceAgainMessageParked.",
      unit: "short",
      kind: "stat",
      queries: { parked: `max(once_again_outbox_parked{${job}})` },
    },
    {
      title: "Oldest message in the outbox",
      says: "That is not parked. Runbook: OnceAgainOutboxBacklog.",
      unit: "s",
      kind: "stat",
      queries: { oldest: `max(${seconds("once_again_outbox_oldest")})` },
    },
    {
      title: "Held keys by job",
      says: "One line for each service that gives its store to serverTelemetry, and each gateway.",
      unit: "short",
      queries: { "{{job}}": `max by (job) ({__name__=~"once_again_(server|gateway)_held_keys",${job}})` },
    },
  ],
  Servers: [
    {
      title: "Keys of a clock that was ahead",
      says: "Claimed while the store's clock was ahead, and running by their times. Runbook: OnceAgainClockSetBack.",
      unit: "short",
      queries: { "{{job}}": `max by (job) ({__name__=~"once_again_(server|gateway)_ahead_keys",${job}})` },
    },
    {
      title: "Outcomes",
      says: "How requests with a key ended, each second.",
      unit: "ops",
      queries: { "{{once_again_event}}": `sum by (once_again_event) (${rate("once_again_server_events_total")})` },
    },
    {
      title: "Store latency",
      says: "99 of 100 calls of the store are faster. Runbook: OnceAgainStoreSlow.",
      unit: "s",
      queries: {
        "{{once_again_store_operation}}": quantile(
          0.99,
          "once_again_server_store_duration",
          "once_again_store_operation",
        ),
      },
    },
    {
      title: "Store calls",
      says: "Each second, by operation.",
      unit: "ops",
      queries: {
        "{{once_again_store_operation}}": `sum by (once_again_store_operation) (rate(${seconds("once_again_server_store_duration", "_count")}[$__rate_interval]))`,
      },
    },
    {
      title: "Share of unknown outcomes, failures and requests in progress",
      says: "Of all requests with a key. In progress: callers give up before their first request has ended.",
      unit: "percentunit",
      queries: {
        "{{once_again_event}}": `sum by (once_again_event) (${rate("once_again_server_events_total", ',once_again_event=~"outcome-unknown|handler-failed|store-failed|in-progress"')}) / on () group_left () sum(${rate("once_again_server_events_total", ',once_again_event!="lease-lost"')})`,
      },
    },
    {
      title: "Attempts per intention",
      says: "Requests with a key for each operation that ended. 1 without retries. Runbook: OnceAgainAttemptsMultiply.",
      unit: "short",
      queries: { "{{job}}": attemptsPerIntention("once_again_server_events_total", "once_again_event") },
    },
  ],
  Callers: [
    {
      title: "Attempts and retries",
      says: "By server. Retries near attempts: an outage, or several layers that retry.",
      unit: "ops",
      queries: {
        "attempts {{server_address}}": `sum by (server_address) (${rate("once_again_client_attempts_total")})`,
        "retries {{server_address}}": `sum by (server_address) (${rate("once_again_client_retries_total")})`,
      },
    },
    {
      title: "Retries denied",
      says: "By reason. Runbook for budget: OnceAgainRetryBudgetExhausted.",
      unit: "ops",
      queries: {
        "{{server_address}} {{once_again_denied_reason}}": `sum by (server_address, once_again_denied_reason) (${rate("once_again_client_retries_denied_total")})`,
      },
    },
    {
      title: "Call time",
      says: "99 of 100 calls are faster, waits between attempts included.",
      unit: "s",
      queries: { "{{server_address}}": quantile(0.99, "once_again_client_call_duration", "server_address") },
    },
  ],
  Messages: [
    {
      title: "Outbox",
      says: "Messages that wait, all of them; those that were tried and not confirmed, and at how many places; counted up to 10,000.",
      unit: "short",
      queries: {
        "waiting {{job}}": `max by (job) (once_again_outbox_messages{${job}})`,
        "not confirmed {{job}}": `max by (job) (once_again_outbox_unconfirmed{${job}})`,
        "places that don't confirm {{job}}": `max by (job) (once_again_outbox_places{${job}})`,
        "parked {{job}}": `max by (job) (once_again_outbox_parked{${job}})`,
      },
    },
    {
      title: "Relay events",
      says: "refused, parked: a message is not taken. place-unavailable: a place is away. once-again messages list names both. fault: the database is away.",
      unit: "ops",
      queries: { "{{once_again_event}}": `sum by (once_again_event) (${rate("once_again_relay_events_total")})` },
    },
    {
      title: "Lag",
      says: "99 of 100 messages are confirmed sooner after they were added.",
      unit: "s",
      queries: {
        "{{messaging_destination_name}}": quantile(0.99, "once_again_outbox_lag", "messaging_destination_name"),
      },
    },
    {
      title: "Publish time",
      says: "99 of 100 publishes are confirmed sooner.",
      unit: "s",
      queries: {
        "{{messaging_destination_name}}": quantile(
          0.99,
          "messaging_client_operation_duration",
          "messaging_destination_name",
        ),
      },
    },
    {
      title: "Sent and consumed",
      says: "By topic; what the broker refused is among the sent.",
      unit: "ops",
      queries: {
        "sent {{messaging_destination_name}}": `sum by (messaging_destination_name) (${rate("messaging_client_sent_messages_total")})`,
        "consumed {{messaging_destination_name}}": `sum by (messaging_destination_name) (${rate("messaging_client_consumed_messages_total")})`,
      },
    },
    {
      title: "Inbox outcomes",
      says: "By consumer. Runbook for dead letters: OnceAgainDeadLetter.",
      unit: "ops",
      queries: {
        "{{messaging_consumer_group_name}} {{once_again_outcome}}": `sum by (messaging_consumer_group_name, once_again_outcome) (${rate("once_again_inbox_messages_total")})`,
      },
    },
    {
      title: "Redeliveries and retries of work",
      says: "By consumer. Runbook: OnceAgainRedeliveries.",
      unit: "ops",
      queries: {
        "delivered again {{messaging_consumer_group_name}}": `sum by (messaging_consumer_group_name) (${rate("once_again_inbox_redeliveries_total")})`,
        "work run again {{messaging_consumer_group_name}}": `sum by (messaging_consumer_group_name) (${rate("once_again_inbox_retries_total")})`,
      },
    },
    {
      title: "Message time",
      says: "99 of 100 messages have their verdict sooner, waits and repeats of the work included.",
      unit: "s",
      queries: {
        "{{messaging_consumer_group_name}}": quantile(
          0.99,
          "messaging_process_duration",
          "messaging_consumer_group_name",
        ),
      },
    },
  ],
  Gateway: [
    {
      title: "Requests",
      says: "By route and status.",
      unit: "ops",
      queries: { "{{route}} {{status}}": `sum by (route, status) (${rate("once_again_gateway_requests_total")})` },
    },
    {
      title: "Outcomes at the gateway",
      says: "Of requests with a key.",
      unit: "ops",
      queries: { "{{event}}": `sum by (event) (${rate("once_again_gateway_operations_total")})` },
    },
    {
      title: "Attempts per intention at the gateway",
      says: "Requests with a key for each operation that ended. Runbook: OnceAgainAttemptsMultiply.",
      unit: "short",
      queries: { "{{job}}": attemptsPerIntention("once_again_gateway_operations_total", "event") },
    },
    {
      title: "Request time",
      says: "99 of 100 requests have their last byte sooner.",
      unit: "s",
      queries: { "{{route}}": quantile(0.99, "once_again_gateway_request_duration", "route") },
    },
    {
      title: "Upstream failures",
      says: "Requests that the service did not answer whole. Runbook: OnceAgainUpstreamFailing.",
      unit: "ops",
      queries: { "{{route}}": `sum by (route) (${rate("once_again_gateway_upstream_failures_total")})` },
    },
    {
      title: "Services that answer unasked",
      says: "A service sent more than it was asked for, and callers no longer share connections to it.",
      unit: "short",
      queries: { services: `sum(once_again_gateway_unasked_bytes_total{${job}})` },
    },
    {
      title: "Store latency of the gateway",
      says: "99 of 100 calls of the store are faster.",
      unit: "s",
      queries: { "{{operation}}": quantile(0.99, "once_again_gateway_store_duration", "operation") },
    },
    {
      title: "Memory",
      says: "Resident memory of the gateway's processes.",
      unit: "bytes",
      queries: { "{{job}}": `sum by (job) (once_again_gateway_resident_memory_bytes{${job}})` },
    },
  ],
};

const datasource = { type: "prometheus", uid: "${datasource}" };
/** Grafana's grid has 24 columns. */
const sizes = { stat: { w: 6, h: 4 }, timeseries: { w: 12, h: 8 } };

let [id, y] = [0, 0];

function panelJson({ title, says, unit, kind = "timeseries", queries }: Panel, x: number): object {
  return {
    id: (id += 1),
    type: kind,
    title,
    description: says,
    datasource,
    gridPos: { ...sizes[kind], x, y },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(kind === "stat" && {
          thresholds: {
            mode: "absolute",
            steps: [
              { color: "green", value: null },
              { color: "orange", value: unit === "s" ? 300 : 1 },
            ],
          },
        }),
      },
      overrides: [],
    },
    options:
      kind === "stat"
        ? { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, colorMode: "background" }
        : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: Object.entries(queries).map(([legendFormat, expr], at) => ({
      refId: String.fromCodePoint(65 + at),
      datasource,
      expr,
      legendFormat,
    })),
  };
}

function rowJson([title, panels]: [string, readonly Panel[]]): object[] {
  const row = { id: (id += 1), type: "row", title, collapsed: false, gridPos: { w: 24, h: 1, x: 0, y }, panels: [] };
  y += 1;
  let x = 0;
  let rowHeight = 0;
  const placed = panels.map((panel) => {
    const { w, h } = sizes[panel.kind ?? "timeseries"];
    if (x + w > 24) [x, y, rowHeight] = [0, y + rowHeight, 0];
    const json = panelJson(panel, x);
    x += w;
    rowHeight = Math.max(rowHeight, h);
    return json;
  });
  y += rowHeight;
  return [row, ...placed];
}

const variable = { hide: 0, includeAll: false, multi: false, skipUrlSync: false };

update(
  "packages/tools/monitoring/dashboard.json",
  `${JSON.stringify(
    {
      title: "once-again",
      uid: "once-again",
      description: "Generated by scripts/dashboard.ts of once-again. Its metrics: docs/guides/observing.md#metrics",
      tags: ["once-again"],
      schemaVersion: 39,
      editable: true,
      refresh: "30s",
      time: { from: "now-3h", to: "now" },
      timezone: "browser",
      templating: {
        list: [
          { ...variable, name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
          {
            ...variable,
            name: "job",
            label: "Job",
            type: "query",
            datasource,
            query: { query: 'label_values({__name__=~"once_again_.*"}, job)', refId: "job" },
            refresh: 2,
            includeAll: true,
            multi: true,
            allValue: ".*",
            current: { text: "All", value: "$__all" },
          },
        ],
      },
      annotations: { list: [] },
      links: [],
      panels: Object.entries(rows).flatMap(rowJson),
    },
    undefined,
    2,
  )}\n`,
);
