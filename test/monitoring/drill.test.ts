import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { systemClock } from "../../packages/once-again/src/core/system-clock.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { runCli } from "../support/cli.ts";
import { type Child, startChildIn } from "../support/child.ts";
import { startGatewayCommand } from "../support/gateway-command.ts";
import { startHttpServer } from "../support/http-server.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { prometheusBinary, type PrometheusServer, startPrometheus } from "../support/servers/prometheus.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { prometheusNames } from "./prometheus-names.ts";

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
}

const dashboard = JSON.parse(readFileSync("packages/tools/monitoring/dashboard.json", "utf8")) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

/** A query as Grafana sends it, with its variables filled in. */
const filled = (expr: string): string => expr.replaceAll("$job", ".*").replaceAll("$__rate_interval", "1m");

test("the dashboard shows every metric, and asks for no other", () => {
  const asked = queries.flatMap(({ expr }) =>
    Array.from(
      expr.matchAll(/__name__=~"([^"]+)"|\b((?:once_again|messaging)_\w+)(?=\{)/g),
      ([, pattern, name]) => pattern ?? name!,
    ),
  );
  const isAsked = (name: string): boolean => asked.some((pattern) => new RegExp(`^(?:${pattern})$`).test(name));
  const metrics = new Map<string, string[]>();
  for (const name of prometheusNames()) {
    const metric = name.replace(/(_seconds)?(_bucket|_count|_sum)?$/, "");
    metrics.set(metric, [...(metrics.get(metric) ?? []), name]);
  }
  const unseen = Array.from(metrics).filter(([, names]) => !names.some(isAsked));
  expect(unseen.map(([metric]) => metric)).toEqual([]);
  const unknown = asked.filter(
    (pattern) => !prometheusNames().some((name) => new RegExp(`^(?:${pattern})$`).test(name)),
  );
  expect(unknown).toEqual([]);
});

/** The example's shop, in a process that can be killed. */
async function startShop(environment: Record<string, string>): Promise<{ url: string; child: Child }> {
  const child = startChildIn(environment, "../../examples/monitoring/shop.ts");
  const line = await child.line();
  const url = /^Orders: (\S+)$/.exec(line)?.[1];
  if (url === undefined) throw new Error(`It said ${line}`);
  await child.line();
  return { url, child };
}

const aheadKey = { scope: "acme", key: "of-tomorrow" };

/** Runs the runbook's statement for SQLite. */
function endOddLeases(database: string): void {
  const runbook = readFileSync("docs/runbooks/OnceAgainClockSetBack.md", "utf8");
  const [, statement] = /-- SQLite\n([^]*?;)\n/.exec(runbook)!;
  const connection = new DatabaseSync(database);
  connection.exec(statement!);
  connection.close();
}

let keys = 0;

async function order(url: string, item: string, key = `order-${(keys += 1)}`, customer = key): Promise<number> {
  const headers = { "idempotency-key": key, "content-type": "application/json", "x-account": "acme" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ customer, item }) });
  await response.text();
  return response.status;
}

/** Asks again and again until an answer is right; Prometheus looks at its targets each second. */
async function asked(prometheus: PrometheusServer, expr: string, isRight: (value: number) => boolean): Promise<void> {
  await expect
    .poll(async () => (await prometheus.query(expr)).map(({ value }) => value).some(isRight), {
      message: expr,
    })
    .toBe(true);
}

describeWithServer("a drill", prometheusBinary, () => {
  test("after it no query of the dashboard is empty, no rule fails, and held keys are settled by the command line", async () => {
    const folder = temporaryFolder();
    const database = join(folder, "shop.db");
    const metricsPort = String(await serverPort());
    const environment = { SHOP_DB: database, METRICS_PORT: metricsPort, PORT: "0", LEASE_MS: "1000" };
    let shop = await startShop(environment);
    const service = await startHttpServer(async (request, response) => {
      await text(request);
      if (request.url === "/unasked") response.once("finish", () => request.socket.write("more"));
      if (request.url === "/cut") request.socket.destroy();
      else response.writeHead(201).end("made");
    });
    const gateway = await startGatewayCommand([
      ...[
        "--upstream",
        service,
        "--store",
        `sqlite:${join(folder, "keys.db")}`,
        "--scope",
        "header:x-account",
        "--port",
        "0",
      ],
    ]);
    await using prometheus = await startPrometheus(
      {
        shop: { address: `127.0.0.1:${metricsPort}` },
        gateway: { address: new URL(gateway.adminUrl).host, path: "/-/metrics" },
      },
      readFileSync("packages/tools/monitoring/alerts.yml", "utf8"),
    );

    // A worker is killed in the middle of three operations, and starts again.
    const held = ["held-1", "held-2", "held-3"];
    const cut = held.map((key) => order(shop.url, "hang", key).catch(() => 0));
    for (const _ of held) expect(await shop.child.line()).toBe("hangs");
    await shop.child.kill();
    expect(await Promise.all(cut)).toEqual([0, 0, 0]);
    shop = await startShop(environment);
    expect(await order(shop.url, "forbidden", "parked", "ann")).toBe(201);
    expect(await order(shop.url, "tea", "behind", "ann")).toBe(201);
    expect(await order(shop.url, "late", "full", "bob")).toBe(201);

    await order(`${gateway.url}/unasked`, "tea");

    // A key of a time when the clock was ahead, by ten minutes.
    const ahead = sqliteStore({ path: database, clock: { ...systemClock, now: () => Date.now() + 600_000 } });
    await ahead.claim({ ...aheadKey, fingerprint: "f", owner: "dead", leaseMs: 1000, retentionMs: 60_000 });
    await ahead.close();

    const traffic = async (): Promise<void> => {
      await order(shop.url, "tea", "repeated");
      for (const item of ["tea", "credit", "poison", "slow parcel"]) await order(shop.url, item);
      for (const key of held) await order(shop.url, "hang", key);
      await order(`${gateway.url}/orders`, "tea");
      await order(`${gateway.url}/cut`, "tea");
    };
    for (const { title, expr } of queries) {
      await expect
        .poll(
          async () => {
            await traffic();
            return (await prometheus.query(filled(expr))).some(({ value }) => value > 0);
          },
          { interval: 300, message: `${title}: ${expr}` },
        )
        .toBe(true);
    }
    await asked(prometheus, 'max(once_again_server_held_keys{job="shop"})', (value) => value === 3);
    await asked(prometheus, 'ALERTS{alertname="OnceAgainOutcomeUnknown",job="shop"}', (value) => value === 1);
    await asked(prometheus, 'ALERTS{alertname="OnceAgainClockSetBack",job="shop"}', (value) => value === 1);
    const rules = await prometheus.rules();
    expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);

    const store = ["--store", `sqlite:${database}`];
    // As the runbook of OnceAgainClockSetBack says: its key is ended, and held.
    const odd = await runCli(["keys", "list", ...store, "--odd", "--state", "running"]);
    expect(odd.stdout).toContain(aheadKey.key);
    endOddLeases(database);
    await asked(prometheus, 'max(once_again_server_held_keys{job="shop"})', (value) => value === 4);

    // As the runbook of OnceAgainKeyHeld says.
    const list = await runCli(["keys", "list", ...store, "--state", "held"]);
    for (const key of held) expect(list.stdout).toContain(key);
    const released = await runCli([
      "keys",
      "release",
      ...store,
      "--held",
      "--scope",
      "acme",
      "--reason",
      "INC-12",
      "--yes",
    ]);
    expect(released.code).toBe(0);
    await asked(prometheus, 'max(once_again_server_held_keys{job="shop"})', (value) => value === 0);
  });
});
