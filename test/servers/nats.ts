import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./binary.ts";
import { serverFolder } from "./ground.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverPort } from "./server-port.ts";
import { removed, startedTogether } from "./started-together.ts";

export const natsBinary: ServerBinary = {
  name: "nats-server",
  folders: ["/usr/sbin"],
  install: "apt-get install -y nats-server",
};

/** Results of a megabyte fit, with what stands before them. */
const payloadMax = 2_097_152;

/** One server of a cluster: its name, where it listens for the others, and where it finds all. */
interface Routes {
  readonly name: string;
  readonly port: number;
  /** Where the others are told to find it. */
  readonly advertise: number;
  readonly all: readonly number[];
}

/**
 * Starts a NATS server with JetStream. It syncs its files now and then, as by default: what it acknowledged survives
 * its own end, not that of the machine.
 *
 * @throws Error when the machine has none (see `describeWithServer`), or it does not start.
 */
export async function startNats(routes?: Routes): Promise<PrivateServer> {
  const command = findBinary(natsBinary);
  if (command === undefined) throw new Error(`There is no nats-server on this machine: ${natsBinary.install}`);
  const port = await serverPort();
  const folder = serverFolder("nats");
  const config = join(folder, "nats.conf");
  writeFileSync(config, configOf(port, folder, routes));
  return startServer({
    command,
    args: ["--config", config],
    port,
    url: `nats://127.0.0.1:${port}`,
    folder,
    ready: /Server is ready/,
  });
}

function configOf(port: number, folder: string, routes: Routes | undefined): string {
  const cluster = routes && {
    name: "test",
    host: "127.0.0.1",
    port: routes.port,
    advertise: `127.0.0.1:${routes.advertise}`,
    no_advertise: true,
    routes: routes.all.map((one) => `nats://127.0.0.1:${one}`),
  };
  return JSON.stringify({
    server_name: routes?.name ?? "alone",
    host: "127.0.0.1",
    port,
    max_payload: payloadMax,
    jetstream: { store_dir: folder },
    ...(cluster && { cluster }),
  });
}

/** Some servers in a Raft group. */
export interface NatsCluster extends AsyncDisposable {
  readonly nodes: readonly PrivateServer[];
}

/**
 * Starts a cluster of 3 servers.
 *
 * @param reach the port by which one node reaches another one's port, by their numbers from 0; default that port.
 */
export async function startNatsCluster(
  reach: (from: number, to: number, port: number) => Promise<number> = async (_from, _to, port) => port,
): Promise<NatsCluster> {
  const ports = await Promise.all(Array.from({ length: 3 }, serverPort));
  const nodes = await startedTogether(
    ports.map(async (port, from) => {
      // All of them, itself included: by their number a server knows how many have to be there before they elect one.
      const all = ports.map(async (other, to) => (to === from ? other : reach(from, to, other)));
      return startNats({
        name: `n${from}`,
        port,
        advertise: await reach(from, from, port),
        all: await Promise.all(all),
      });
    }),
  );
  return { nodes, [Symbol.asyncDispose]: () => removed(nodes) };
}
