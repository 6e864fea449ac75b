import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { findBinary } from "../support/servers/binary.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { systemdBinary } from "../support/servers/systemd.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describeWithServer("systemd", systemdBinary, () => {
  test("has nothing to say about the unit of the gateway's guide", () => {
    const [, unit = ""] = /```ini\n([^]*?)```/.exec(readFileSync("docs/guides/gateway.md", "utf8")) ?? [];
    expect(unit).toContain("ExecStart=/usr/bin/once-again-gateway");
    const file = join(temporaryFolder(), "once-again-gateway.service");
    // The machine has no such command, and verify looks for it.
    writeFileSync(file, unit.replace("/usr/bin/once-again-gateway", "/bin/true"));
    const { status, stderr } = spawnSync(findBinary(systemdBinary)!, ["verify", file], { encoding: "utf8" });
    expect({ status, said: stderr.split("\n").filter((line) => line.includes("once-again-gateway")) }).toEqual({
      status: 0,
      said: [],
    });
  });
});

const page = readFileSync("docs/guides/gateway.md", "utf8");
const proxyOf = (start: string): unknown => {
  const blocks = Array.from(page.matchAll(/^```yaml\n(.*?)^```/gms), ([, block = ""]) => block);
  return parse(blocks.find((block) => block.startsWith(start)) ?? "");
};
/** Longer than `limits.total`, so that the gateway answers first. */
const waits = "310s";

test("Envoy's example sends all to the gateway, waits for it, and repeats nothing", () => {
  const { static_resources: resources } = proxyOf("static_resources:") as {
    static_resources: { listeners: unknown[]; clusters: unknown[] };
  };
  const text = JSON.stringify(resources);
  expect(resources.clusters).toMatchObject([
    {
      name: "gateway",
      load_assignment: {
        cluster_name: "gateway",
        endpoints: [
          { lb_endpoints: [{ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: 8081 } } } }] },
        ],
      },
    },
  ]);
  expect(text).toContain(`{"match":{"prefix":"/"},"route":{"cluster":"gateway","timeout":"${waits}"}}`);
  expect(text).not.toContain("retry_policy");
  expect(text).toContain('"use_remote_address":true');
});

test("Traefik's example sets the account by the check of callers, and repeats nothing", () => {
  const { http } = proxyOf("http:") as { http: Record<string, Record<string, unknown>> };
  expect(http).toEqual({
    routers: { shop: { rule: "PathPrefix(`/`)", entryPoints: ["web"], middlewares: ["account"], service: "gateway" } },
    middlewares: {
      account: { forwardAuth: { address: "http://127.0.0.1:9000/check", authResponseHeaders: ["X-Account"] } },
    },
    services: {
      gateway: {
        loadBalancer: {
          passHostHeader: true,
          servers: [{ url: "http://127.0.0.1:8081" }],
          serversTransport: "gateway",
        },
      },
    },
    serversTransports: { gateway: { forwardingTimeouts: { dialTimeout: "5s", responseHeaderTimeout: waits } } },
  });
});
