import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./binary.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder, unprivilegedUser } from "./server-folder.ts";

export const haproxyBinary: ServerBinary = {
  name: "haproxy",
  folders: ["/usr/sbin"],
  install: "apt-get install -y --no-install-recommends haproxy",
};

/**
 * Starts a HAProxy.
 *
 * @param configuration the text of its file, which has it listen on `port` of 127.0.0.1.
 * @throws Error when the machine has none, or it does not start.
 */
export async function startHaproxy(configuration: string, port: number): Promise<PrivateServer> {
  const command = findBinary(haproxyBinary);
  if (command === undefined) throw new Error(`There is no HAProxy on this machine: ${haproxyBinary.install}`);
  const user = unprivilegedUser();
  const folder = serverFolder("haproxy", user);
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, `global\n  maxconn 1000\n\n${configuration}`);
  const url = `http://127.0.0.1:${port}`;
  return startServer({ command, args: ["-W", "-db", "-f", file], port, url, folder, user, ready: /Loading success/ });
}
