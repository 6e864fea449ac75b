import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./binary.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder, unprivilegedUser } from "./server-folder.ts";
import { serverPort } from "./server-port.ts";

export const nginxBinary: ServerBinary = {
  name: "nginx",
  folders: ["/usr/sbin"],
  install: "apt-get install -y --no-install-recommends nginx",
};

/** Connections stay open for ever: a caller of a benchmark does not connect again. */
const forever = 1_000_000_000;

/**
 * Starts an nginx with one worker, which listens on 127.0.0.1 and writes no access log.
 *
 * @param http what its configuration has in `http` beside the server, as an `upstream`.
 * @param server what it has in `server`, as a `location`.
 * @throws Error when the machine has none, or it does not start.
 */
export async function startNginx({ http = "", server }: { http?: string; server: string }): Promise<PrivateServer> {
  const command = findBinary(nginxBinary);
  if (command === undefined) throw new Error(`There is no nginx on this machine: ${nginxBinary.install}`);
  const user = unprivilegedUser();
  const folder = serverFolder("nginx", user);
  const port = await serverPort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `daemon off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
error_log stderr notice;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.join("\n  ")}
  ${http}
  server {
    listen 127.0.0.1:${port};
    keepalive_requests ${forever};
    keepalive_timeout 1h;
    ${server}
  }
}
`,
  );
  return startServer({
    command,
    args: ["-e", "stderr", "-c", file],
    port,
    url: `http://127.0.0.1:${port}`,
    folder,
    user,
    ready: /start worker process \d/,
    stopSignal: "SIGQUIT",
  });
}

/** Starts an nginx that is a plain reverse proxy, with connections that it keeps to the server behind. */
export function startNginxProxy(port: number): Promise<PrivateServer> {
  return startNginx({
    http: `upstream behind { server 127.0.0.1:${port}; keepalive 128; keepalive_requests ${forever}; keepalive_timeout 1h; }`,
    server: `location / {
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }`,
  });
}
