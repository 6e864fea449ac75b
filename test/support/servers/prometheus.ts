import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./binary.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder, unprivilegedUser } from "./server-folder.ts";
import { serverPort } from "./server-port.ts";

export const prometheusBinary: ServerBinary = {
  name: "prometheus",
  install: "apt-get install -y --no-install-recommends prometheus",
};

/** It comes with Prometheus. */
export const promtoolBinary: ServerBinary = { ...prometheusBinary, name: "promtool" };

/** One series of an answer of Prometheus, with its value. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An alert that is pending or fires. */
export interface Alert {
  readonly name: string;
  readonly state: "pending" | "firing";
  readonly annotations: Readonly<Record<string, string>>;
}

/** A Prometheus of one test. */
export interface PrometheusServer extends PrivateServer {
  /** @throws Error with what Prometheus says of a query that it refuses. */
  query(expression: string): Promise<Sample[]>;
  /** The rules that it has loaded, each with its last error. */
  rules(): Promise<{ readonly name: string; readonly health: string; readonly lastError?: string }[]>;
  alerts(): Promise<Alert[]>;
}

/**
 * Starts a Prometheus that looks at its targets every second.
 *
 * @param targets host and port of each job.
 * @param rules the text of a file of rules.
 * @throws Error when the machine has none, or it does not start.
 */
export async function startPrometheus(
  targets: Readonly<Record<string, { readonly address: string; readonly path?: string }>>,
  rules: string,
): Promise<PrometheusServer> {
  const command = findBinary(prometheusBinary);
  if (command === undefined) throw new Error(`There is no Prometheus on this machine: ${prometheusBinary.install}`);
  const user = unprivilegedUser();
  const folder = serverFolder("prometheus", user);
  const port = await serverPort();
  writeFileSync(join(folder, "rules.yml"), rules);
  const config = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: ["rules.yml"],
    scrape_configs: Object.entries(targets).map(([job, { address, path = "/metrics" }]) => ({
      job_name: job,
      metrics_path: path,
      static_configs: [{ targets: [address] }],
    })),
  };
  // JSON is YAML.
  writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
  const url = `http://127.0.0.1:${port}`;
  const server = await startServer({
    command,
    args: [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    port,
    url,
    folder,
    user,
    ready: /Server is ready to receive web requests/,
  });
  const ask = async <Data>(path: string): Promise<Data> => {
    const response = await fetch(url + path);
    const answer = (await response.json()) as { status: string; error?: string; data: Data };
    if (answer.status !== "success") throw new Error(`${answer.error} in ${path}`);
    return answer.data;
  };
  return Object.assign(server, {
    async query(expression: string) {
      const { result } = await ask<{ result: { metric: Sample["metric"]; value: [number, string] }[] }>(
        `/api/v1/query?query=${encodeURIComponent(expression)}`,
      );
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: { name: string; health: string; lastError?: string }[] }[] }>(
        "/api/v1/rules",
      );
      return groups.flatMap((group) => group.rules);
    },
    async alerts() {
      const { alerts } = await ask<{ alerts: (Omit<Alert, "name"> & { labels: { alertname: string } })[] }>(
        "/api/v1/alerts",
      );
      return alerts.map(({ labels, state, annotations }) => ({ name: labels.alertname, state, annotations }));
    },
  });
}
