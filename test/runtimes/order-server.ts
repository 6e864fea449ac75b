import { createServer } from "node:http";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { type Fault, flakyNetwork } from "../../packages/testing/src/index.ts";
import { closed, listening, portOf } from "../verdicts/origin.ts";

/** A server that honours keys and lets every origin call it, behind a network that loses what it carries. */
export interface OrderServer extends AsyncDisposable {
  readonly url: string;
  /** The orders that were executed. */
  readonly effects: readonly string[];
  /** How often each fault was met. */
  readonly counts: Readonly<Record<Fault["scenario"] | "broken", number>>;
}

const faults: readonly Fault[] = [
  { scenario: "lose-answer" },
  { scenario: "lose-request" },
  { scenario: "fail" },
  { scenario: "pass" },
];

export async function orderServer(): Promise<OrderServer> {
  const effects: string[] = [];
  const orders = onceNode({ store: memoryStore(), scope: "public" }, (_request, response, { body }) => {
    effects.push(body.toString());
    response.writeHead(201).end(`made ${body.toString()}`);
  });
  const server = createServer((request, response) => {
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "idempotency-key");
    response.setHeader("access-control-max-age", "600");
    if (request.method === "OPTIONS") response.writeHead(204).end();
    else void orders(request, response);
  });
  await listening(server);
  const network = await flakyNetwork({
    upstream: { port: portOf(server) },
    plan: ({ index }) => faults[index % faults.length] ?? { scenario: "pass" },
  });
  return {
    url: `${network.url}/orders`,
    effects,
    counts: network.counts,
    async [Symbol.asyncDispose]() {
      await network.close();
      server.closeAllConnections();
      await closed(server);
    },
  };
}
