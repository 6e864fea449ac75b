import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./binary.ts";
import { serverFolder, unprivilegedUser } from "./server-folder.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverPort } from "./server-port.ts";

export const mariadbBinary: ServerBinary = {
  name: "mariadbd",
  folders: ["/usr/sbin"],
  install: "apt-get install -y mariadb-server",
};

/**
 * Starts a MariaDB with an empty database `test`: user `root`, no password. It listens on 127.0.0.1.
 *
 * @param settings as in my.cnf, without dashes.
 * @param within the folder that its own is made in; default that for temporary files.
 * @throws Error when the machine has none (see `describeWithServer`), or it does not start.
 */
export async function startMariadb(
  settings: Readonly<Record<string, string>> = {},
  within?: string,
): Promise<PrivateServer> {
  const command = findBinary(mariadbBinary);
  if (command === undefined) throw new Error(`There is no mariadbd on this machine: ${mariadbBinary.install}`);
  const installer = findBinary({ ...mariadbBinary, name: "mariadb-install-db" })!;
  const user = unprivilegedUser();
  const folder = serverFolder("mariadb", user, within);
  const data = join(folder, "data");
  // As each starts, it removes all temporary tables from this folder, those of others too.
  const tmpdir = folder;
  execFileSync(
    installer,
    [
      "--no-defaults",
      `--datadir=${data}`,
      `--tmpdir=${tmpdir}`,
      "--auth-root-authentication-method=normal",
      "--skip-name-resolve",
    ],
    { cwd: folder, ...user, stdio: ["ignore", "ignore", "inherit"] },
  );
  const port = await serverPort();
  const given = {
    datadir: data,
    tmpdir,
    socket: join(folder, "socket"),
    "pid-file": join(folder, "pid"),
    "bind-address": "127.0.0.1",
    port: String(port),
    "max-connections": "500",
    ...settings,
  };
  return startServer({
    command,
    args: ["--no-defaults", ...Object.entries(given).map(([name, value]) => `--${name}=${value}`)],
    port,
    url: `mysql://root@127.0.0.1:${port}/test`,
    folder,
    ready: /ready for connections/,
    user,
  });
}
