import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findBinary, type ServerBinary } from "./binary.ts";
import { serverFolder, unprivilegedUser } from "./server-folder.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverPort } from "./server-port.ts";

export const postgresBinary: ServerBinary = {
  name: "postgres",
  folders: ["/usr/lib/postgresql/*/bin"],
  install: "apt-get install -y postgresql",
};

/** The options of a private PostgreSQL. */
export interface PostgresOptions {
  /** Settings as in postgresql.conf. `fsync` and `synchronous_commit` are on, as by default. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The port of a primary that it copies and then follows, as its standby. */
  readonly standbyOf?: number;
  /** The folder that its own is made in; default that for temporary files. */
  readonly within?: string | undefined;
}

/**
 * Starts a PostgreSQL with an empty cluster: superuser `postgres`, no password, database `postgres`, UTF-8. Its socket
 * is in its folder; it listens on 127.0.0.1. A standby has what its primary has instead.
 *
 * @throws Error when the machine has no PostgreSQL (see `describeWithServer`), or it does not start.
 */
export async function startPostgres({
  settings = {},
  standbyOf,
  within,
}: PostgresOptions = {}): Promise<PrivateServer> {
  const command = findBinary(postgresBinary);
  if (command === undefined) throw new Error(`There is no postgres on this machine: ${postgresBinary.install}`);
  // PostgreSQL refuses to run as root.
  const user = unprivilegedUser();
  const folder = serverFolder("postgres", user, within);
  const data = join(folder, "data");
  const [tool, ...args] =
    standbyOf === undefined
      ? ["initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]
      : ["pg_basebackup", "-d", urlOf(standbyOf), "--write-recovery-conf", "--checkpoint=fast"];
  // --no-sync: a new cluster is quickly made again. What the server writes later is synced.
  await promisify(execFile)(join(dirname(command), tool), [...args, "-D", data, "--no-sync"], {
    cwd: folder,
    ...user,
  });
  const port = await serverPort();
  const given = { listen_addresses: "127.0.0.1", unix_socket_directories: folder, port: String(port), ...settings };
  return startServer({
    command,
    args: ["-D", data, ...Object.entries(given).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    port,
    url: urlOf(port),
    folder,
    ready: /database system is ready to accept (?:read-only )?connections/,
    // "Fast": it does not wait for its clients to go.
    stopSignal: "SIGINT",
    user,
  });
}

function urlOf(port: number): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres`;
}
