import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./binary.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder, unprivilegedUser } from "./server-folder.ts";
import { serverPort } from "./server-port.ts";

/** The script that Debian puts onto PATH is for its own user alone; this is the one behind it. */
export const rabbitmqBinary: ServerBinary = {
  name: "rabbitmq-server",
  folders: ["/usr/lib/rabbitmq/bin"],
  install: "apt-get install -y rabbitmq-server",
};

/**
 * Starts a RabbitMQ of one node without plugins: user `guest`, password `guest`.
 *
 * @throws Error when the machine has none (see `describeWithServer`), or it does not start.
 */
export async function startRabbitmq(): Promise<PrivateServer> {
  const command = findBinary(rabbitmqBinary);
  if (command === undefined) throw new Error(`There is no rabbitmq-server on this machine: ${rabbitmqBinary.install}`);
  const user = unprivilegedUser();
  const folder = serverFolder("rabbitmq", user);
  const [port, distribution] = [await serverPort(), await serverPort()];
  const plugins = join(folder, "plugins");
  const config = join(folder, "rabbitmq.conf");
  writeFileSync(plugins, "[].");
  writeFileSync(config, `listeners.tcp.local = 127.0.0.1:${port}\n`);
  // The node begins its distribution by itself, on a port that all know: so nothing is asked of, or left behind as, the
  // port mapper (epmd) that the nodes of a machine share.
  const node = `once-again-${port}@localhost`;
  const erlang = [
    ["-sname", node],
    ["-setcookie", "once-again"],
    ["-start_epmd", "false"],
    ["-erl_epmd_port", String(distribution)],
    ["-kernel", "inet_dist_use_interface", "{127,0,0,1}"],
  ];
  return startServer({
    command,
    args: [],
    environment: {
      HOME: folder,
      RABBITMQ_NODENAME: node,
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: join(folder, "data"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      RABBITMQ_LOGS: "-",
      RABBITMQ_CONFIG_FILE: config,
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: erlang.flat().join(" "),
      // The script becomes the node, instead of waiting for it.
      detached: "true",
    },
    port,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    folder,
    ready: /Server startup complete/,
    user,
  });
}
