import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./binary.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder, unprivilegedUser } from "./server-folder.ts";
import { serverPort } from "./server-port.ts";

export const pgbouncerBinary: ServerBinary = {
  name: "pgbouncer",
  folders: ["/usr/sbin"],
  install: "apt-get install -y pgbouncer",
};

/**
 * Starts a PgBouncer in front of a PostgreSQL of 127.0.0.1, which gives each transaction another connection, of `poolSize`
 * for each database at most. It knows prepared statements.
 *
 * @throws Error when the machine has none, or it does not start.
 */
export async function startPgbouncer(postgresPort: number, poolSize: number): Promise<PrivateServer> {
  const command = findBinary(pgbouncerBinary);
  if (command === undefined) throw new Error(`There is no pgbouncer on this machine: ${pgbouncerBinary.install}`);
  // It refuses to run as root.
  const user = unprivilegedUser();
  const folder = serverFolder("pgbouncer", user);
  const port = await serverPort();
  const file = join(folder, "pgbouncer.ini");
  writeFileSync(
    file,
    `[databases]
* = host=127.0.0.1 port=${postgresPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 1000
max_prepared_statements = 100
server_login_retry = 1
`,
  );
  return startServer({
    command,
    args: [file],
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    folder,
    user,
    ready: /process up: PgBouncer/,
    stopSignal: "SIGINT",
  });
}
