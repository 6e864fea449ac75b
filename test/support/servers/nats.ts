import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { repeatUntilAnswered } from "../store-load.ts";
import { waitMsMax } from "../wait-ms-max.ts";
import { findBinary, type ServerBinary } from "./binary.ts";
import { serverFolder } from "./server-folder.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverPort } from "./server-port.ts";
import { removed, startTogether } from "./start-together.ts";

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
  /** The address under which the others find it. */
  readonly advertise: number;
  readonly all: readonly number[];
}

/**
 * Starts a NATS server with JetStream. It syncs its files now and then, as by default: what it acknowledged survives
 * its own end, not that of the machine.
 *
 * @param within the folder that its own is made in; default that for temporary files.
 * @throws Error when the machine has none (see `describeWithServer`), or it does not start.
 */
export async function startNats(routes?: Routes, within?: string): Promise<PrivateServer> {
  const command = findBinary(natsBinary);
  if (command === undefined) throw new Error(`There is no nats-server on this machine: ${natsBinary.install}`);
  const port = await serverPort();
  const folder = serverFolder("nats", undefined, within);
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

/** Makes streams and consumers. On a busy disk that takes more than the 5 s of the client. Where a server is killed or cut off, ask by a manager that gives up sooner. */
export const streamMaker = (connection: NatsConnection): Promise<JetStreamManager> =>
  jetstreamManager(connection, { timeout: waitMsMax });

/** Some servers in a Raft group. */
export interface NatsCluster extends AsyncDisposable {
  readonly nodes: readonly PrivateServer[];
}

/** The port by which one node reaches another one's port, by their numbers from 0. */
type Reach = (from: number, to: number, port: number) => Promise<number>;

/** How often a cluster is started when its servers don't all find one another. */
const startsMax = 4;

/** How long the servers of the first start may take to find one another, milliseconds; those of the next have four times as long. */
const findingMs = 10_000;

/**
 * Starts a cluster of 3 servers, all of which take part in it.
 *
 * @param reach default the other one's own port.
 * @throws what the last start failed with.
 */
export async function startNatsCluster(reach: Reach = async (_from, _to, port) => port): Promise<NatsCluster> {
  for (let start = 1; ; start += 1) {
    const nodes = await startNodes(reach);
    try {
      await holdsThreeReplicas(nodes, findingMs * 4 ** (start - 1));
      return { nodes, [Symbol.asyncDispose]: () => removed(nodes) };
    } catch (error) {
      // On a busy machine two may elect a leader before they hear of the third, and then never count it in.
      await removed(nodes);
      if (start === startsMax) throw error;
    }
  }
}

/** @throws what the servers answer when they have no room for three replicas, for so many milliseconds. */
async function holdsThreeReplicas(nodes: readonly PrivateServer[], msMax: number): Promise<void> {
  const connection = await connect({ servers: nodes.map(({ url }) => url), waitOnFirstConnect: true });
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    await repeatUntilAnswered(
      () => manager.streams.add({ name: "probe", subjects: ["probe"], num_replicas: 3 }),
      msMax,
    );
    await manager.streams.delete("probe");
  } finally {
    await connection.close();
  }
}

async function startNodes(reach: Reach): Promise<PrivateServer[]> {
  const ports = await Promise.all(Array.from({ length: 3 }, serverPort));
  return startTogether(
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
}
