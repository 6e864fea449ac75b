import { fileURLToPath } from "node:url";
import { startAttacked } from "./attacked-process.ts";
import { attackConnections } from "./attack-connections.ts";
import type { FuzzResult, FuzzRun } from "./fuzz.ts";
import { resultOf } from "./target-gateway.ts";

const program = fileURLToPath(new URL("servers-child.ts", import.meta.url));

/** Attacks a server of each framework, each with a store in memory. */
export async function fuzzServers(run: FuzzRun): Promise<FuzzResult> {
  await using servers = await startAttacked([program], /Servers: (\[.*\])/);
  const urls = (): string[] => JSON.parse(servers.announced) as string[];
  const report = await attackConnections(run, servers, { urls, wasAnswered: () => false });
  if (servers.deaths === 0) {
    for (const [at, url] of urls().entries()) {
      const twice = await fetch(`${url}/two-effects`).then(async (response) => response.text(), String);
      if (twice !== "")
        report.breaches.add(`effects ${at}`, `Operations of the server ${at} had more than one effect: ${twice}`);
    }
  }
  return resultOf("servers", run, report);
}
