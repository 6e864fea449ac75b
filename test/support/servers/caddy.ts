import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./binary.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder, unprivilegedUser } from "./server-folder.ts";

export const caddyBinary: ServerBinary = {
  name: "caddy",
  install: "apt-get install -y --no-install-recommends caddy",
};

/**
 * Starts a Caddy on 127.0.0.1, without its admin API.
 *
 * @param sites the sites of its Caddyfile, which listen on `port`.
 * @throws Error when the machine has none, or it does not start.
 */
export async function startCaddy(sites: string, port: number): Promise<PrivateServer> {
  const command = findBinary(caddyBinary);
  if (command === undefined) throw new Error(`There is no Caddy on this machine: ${caddyBinary.install}`);
  const user = unprivilegedUser();
  const folder = serverFolder("caddy", user);
  const file = join(folder, "Caddyfile");
  writeFileSync(file, `{\n  admin off\n  auto_https off\n  default_bind 127.0.0.1\n}\n${sites}`);
  return startServer({
    command,
    args: ["run", "--config", file, "--adapter", "caddyfile"],
    port,
    url: `http://127.0.0.1:${port}`,
    folder,
    user,
    ready: /serving initial configuration/,
    environment: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
}
