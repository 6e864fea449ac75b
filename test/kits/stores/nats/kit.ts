import { natsKit } from "../../../../packages/once-again/src/stores/nats/kit.ts";
import { natsBinary, startNats, startNatsCluster } from "../../../support/servers/nats.ts";
import { removed } from "../../../support/servers/start-together.ts";
import type { PrivateServer } from "../../../support/servers/private-server.ts";
import type { TestedStore } from "../../store-kit.ts";

export const nats: TestedStore = {
  kit: natsKit,
  servers: [
    {
      title: "NATS JetStream",
      binary: natsBinary,
      start: (within) => startNats(undefined, within),
      variable: "ONCE_AGAIN_NATS_URL",
    },
    { title: "NATS JetStream, three servers (R3)", binary: natsBinary, start: startThree, onlyFor: ["contract"] },
  ],
  parts: async () => (await import("./parts.ts")).natsParts,
  crash: {
    engine: async () => (await import("./crash.ts")).natsEngine,
    operations: ["full-disk", "rolling-restart", "stalled-event-loop", "moved-clocks"],
  },
  failover: async () => (await import("./failover.ts")).natsEngine,
  without: {},
};

/** A cluster as one server, with the ports of all in its URL. */
async function startThree(): Promise<PrivateServer> {
  const { nodes } = await startNatsCluster();
  const url = `nats://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  return { ...nodes[0]!, url, [Symbol.asyncDispose]: () => removed(nodes) };
}
