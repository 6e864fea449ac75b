import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAttacked } from "./attacked-process.ts";
import { type AttackReport, attackConnections } from "./attack-connections.ts";
import type { FuzzResult, FuzzRun } from "./fuzz.ts";
import { startHostileService } from "./hostile-service.ts";

const program = fileURLToPath(new URL("../../../packages/gateway/src/cli/main.ts", import.meta.url));

/** Attacks the gateway, as users start it, between hostile callers and a hostile service. */
export async function fuzzGateway(run: FuzzRun): Promise<FuzzResult> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "once-again-fuzz-keys-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const service = stack.use(await startHostileService(run.seed));
  const flags = [
    "--upstream",
    service.url,
    "--store",
    `sqlite:${join(folder, "keys.db")}`,
    "--scope",
    "header:x-account",
  ];
  const workers = ["--workers", String(run.workers ?? 1)];
  const gateway = stack.use(
    await startAttacked([program, ...flags, "--port", "0", "--http2", ...workers], /Gateway: (\S+)/),
  );
  const report = await attackConnections(run, gateway, {
    http2Share: 0.4,
    urls: () => [gateway.announced],
    wasAnswered: (id) => service.wasAnswered(id),
  });
  for (const id of service.arrivedTwice)
    report.breaches.add("twice", `The service got the request ${id} more than once.`);
  for (const key of service.hadTwoEffects)
    report.breaches.add("effects", `The operation ${key} had more than one effect.`);
  return resultOf("gateway", run, report);
}

export function resultOf(target: string, { seed }: FuzzRun, report: AttackReport): FuzzResult {
  const { cases, seconds, deaths, breaches, figures } = report;
  return { target, seed, cases, seconds, deaths, breaches: breaches.all, figures };
}
