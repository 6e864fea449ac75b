import { EventEmitter, once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { connectionShapes } from "../proof/fuzz/connection-shapes.ts";
import { openConnection, playShape } from "../proof/fuzz/raw-connection.ts";
import { describeWithCertificates } from "../support/describe-with-certificates.ts";
import { type GatewayCommand, startGatewayCommand } from "../support/gateway-command.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { nginxBinary, startNginx } from "../support/servers/nginx.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// Each gateway is a process: what ends it must not end the tests.

/** A service behind the gateway that is slow, refuses upgrades, agrees to them, or makes some without being asked. */
async function startService() {
  const events = new EventEmitter().setMaxListeners(0);
  const answer = ({ url }: IncomingMessage, socket: Socket): void => {
    events.emit("asked");
    if (url === "/never") return;
    if (url === "/ws") socket.write("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
    else if (url === "/101") socket.write("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    else socket.end("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
  };
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === "/101") return answer(request, request.socket);
    events.emit("asked");
    setTimeout(() => response.end(`${request.method} ${request.url}`), request.url === "/slow" ? 50 : 0);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    socket.on("error", () => undefined).on("end", () => socket.end());
    socket.resume();
    answer(request, socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => once(events, "asked"),
  };
}

/** Whether the service can be asked through a gateway. */
async function isServing(url: string): Promise<boolean> {
  try {
    const { socket } = await openConnection(url);
    socket.write("GET /alive HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text.startsWith("HTTP/1.1 200 ");
  } catch {
    return false;
  }
}

/** Plays every shape, some side by side, and names those after which the gateway does not serve, or a worker has died. */
async function survivesShapes(url: string, gateway: GatewayCommand, asked: () => Promise<unknown>): Promise<void> {
  const shapes = [...connectionShapes];
  const fatal: string[] = [];
  while (shapes.length > 0 && fatal.length === 0) {
    const some = shapes.splice(0, 20);
    await Promise.all(some.map((shape) => playShape(url, shape, asked)));
    if (!(await isServing(url))) fatal.push(...some.map(({ name }) => name));
  }
  expect(fatal).toEqual([]);
  expect(await gateway.end()).toBe(0);
  const said = [];
  for (let line = await gateway.said(); line !== ""; line = await gateway.said()) said.push(line);
  expect(said.filter((line) => line.includes("died"))).toEqual([]);
}

const flagsTo = (upstream: string): string[] => [
  ...["--upstream", upstream, "--store", `sqlite:${join(temporaryFolder(), "keys.db")}`],
  ...["--scope", "header:x-account", "--port", "0"],
];

test.for([
  ["one process", []],
  ["two workers", ["--workers", "2"]],
] as const)("whatever comes over a connection costs that connection only: %s", async ([, flags]) => {
  const { url, asked } = await startService();
  const gateway = await startGatewayCommand([...flagsTo(url), ...flags]);
  await survivesShapes(gateway.url, gateway, asked);
});

describeWithCertificates("over TLS", (certificates) => {
  test("whatever comes over a connection costs that connection only", async () => {
    const { url, asked } = await startService();
    const folder = temporaryFolder();
    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    writeFileSync(cert, certificates().good.cert);
    writeFileSync(key, certificates().good.key);
    const gateway = await startGatewayCommand([...flagsTo(url), "--cert", cert, "--key", key]);
    await survivesShapes(gateway.url, gateway, asked);
  });
});

describeWithServer("with nginx in front", nginxBinary, () => {
  test("whatever comes over a connection costs that connection only", async () => {
    const { url, asked } = await startService();
    const gateway = await startGatewayCommand(flagsTo(url));
    await using nginx = await startNginx({
      http: `map $http_upgrade $connection_upgrade { default upgrade; "" ""; }`,
      server: `location / {
        proxy_pass ${gateway.url};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $http_host;
      }`,
    });
    await survivesShapes(nginx.url, gateway, asked);
  });
});
