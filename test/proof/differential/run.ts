import { Agent } from "node:http";
import { memoryStore } from "once-again/stores/memory";
import { startGateway } from "../../../packages/gateway/src/gateway.ts";
import { type BackEnd, type SeenRequest, startBackEnd } from "./back-end.ts";
import { exchange, type Heard } from "./exchange.ts";
import { type Plan, planOf } from "./plan.ts";

/** A request that went another way through the gateway than straight to the back end. */
export interface Difference {
  readonly id: number;
  readonly plan: Plan;
  readonly direct: unknown;
  readonly gateway: unknown;
}

/** How many requests are under way at once. */
const concurrency = 8;

/** Sends each request of a run through the gateway and straight to the back end, and compares what both ends saw. */
export async function runDifferential(
  seed: number | string,
  requests: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<Difference[]> {
  await using backEnd = await startBackEnd(seed);
  const store = memoryStore();
  const scope = async (): Promise<{ scope: string }> => ({ scope: "all" });
  await using gateway = await startGateway({ upstream: backEnd.url, store, routes: [], scope });
  const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })] as const;
  const differences: Difference[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < requests) {
      const plan = planOf(seed, (next += 1));
      const direct = await look(backEnd, backEnd.url, plan, `direct-${plan.id}`, agents[0]);
      const through = await look(backEnd, new URL(gateway.url), plan, `gateway-${plan.id}`, agents[1]);
      if (JSON.stringify(direct) !== JSON.stringify(through)) {
        differences.push({ id: plan.id, plan, direct, gateway: through });
      }
      onProgress(plan.id);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  for (const agent of agents) agent.destroy();
  return differences;
}

async function look(backEnd: BackEnd, to: URL, plan: Plan, name: string, agent: Agent): Promise<unknown> {
  const heard = await exchange(to, plan, name, agent).catch((error: Error) => ({ error: error.message }));
  const seen = backEnd.take(name);
  return { seen: seen && comparableRequest(seen, plan), heard: "error" in heard ? heard : comparableAnswer(heard) };
}

/** Headers that a proxy may change, since they belong to one connection, or describe the proxy. */
const ofHop = new Set(["connection", "keep-alive", "te", "transfer-encoding", "upgrade", "x-hop"]);
const ofWay = new Set([
  "content-length",
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-request",
]);

/** The trailers of a body of which nothing was read are not known. */
function comparableRequest({ headers, ...request }: SeenRequest, { answer }: Plan): unknown {
  const compared = filterHeaders(headers, (name) => !ofHop.has(name) && !ofWay.has(name));
  return { ...request, trailers: answer.early ? [] : request.trailers, headers: compared };
}

/** A reason that is no ASCII may be lost on the way: clients ignore it (RFC 9112, section 4). */
function comparableAnswer({ headers, reason, ...answer }: Heard): unknown {
  return {
    ...answer,
    reason: /^[ -~]*$/.test(reason) ? reason : "",
    headers: filterHeaders(headers, (name) => !ofHop.has(name)),
  };
}

/** Headers by name; the order of those of one name counts, that of names does not (RFC 9110, section 5.3). */
function filterHeaders(raw: readonly string[], keeps: (lowerCaseName: string) => boolean): string[] {
  const lines: [name: string, line: string][] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    if (keeps(name)) lines.push([name, `${name}: ${raw[at + 1]}`]);
  }
  return lines.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))).map(([, line]) => line);
}
