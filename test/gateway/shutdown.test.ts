import { writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type GatewayCommand, startGatewayCommand } from "../support/gateway-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { dial } from "./talk.ts";

// A shutdown of the gateway, as a process, while a WebSocket is open through it.

/** A service that agrees to every upgrade, and echoes what comes over the connection. */
async function startEcho(): Promise<string> {
  const server = createServer((_request, response) => void response.end());
  server.on("upgrade", (_request, socket: Socket) => {
    socket.on("error", () => undefined).on("end", () => socket.end());
    socket.write("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.on("data", (chunk) => void socket.write(chunk));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function startGateway(drain: string): Promise<GatewayCommand> {
  const folder = temporaryFolder();
  const config = [
    `upstream: ${await startEcho()}`,
    `store: sqlite:${join(folder, "keys.db")}`,
    `scope: { header: x-account }`,
    `listen: { port: 0 }`,
    `drain: ${drain}`,
  ];
  writeFileSync(join(folder, "gateway.yaml"), config.join("\n"));
  return startGatewayCommand(["--config", join(folder, "gateway.yaml")]);
}

/** Opens a WebSocket, of which only the handshake is real. */
async function openWebSocket(url: string): Promise<{ socket: Socket; echo: (text: string) => Promise<string> }> {
  const socket = await dial(url);
  socket.write("GET /ws HTTP/1.1\r\nHost: a\r\nX-Account: acme\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  expect(String((await once(socket, "data"))[0])).toContain("101 Fine");
  const echo = async (text: string): Promise<string> => {
    socket.write(text);
    return String((await once(socket, "data"))[0]);
  };
  return { socket, echo };
}

const isDraining = async ({ adminUrl }: GatewayCommand): Promise<boolean> =>
  (await fetch(`${adminUrl}/-/health`)).status === 503;

test("SIGTERM leaves an open WebSocket its time, and ends the process as soon as that is closed", async () => {
  const gateway = await startGateway("1h");
  const { socket, echo } = await openWebSocket(gateway.url);
  const ended = gateway.end();
  await expect.poll(() => isDraining(gateway)).toBe(true);
  expect(await echo("after SIGTERM")).toBe("after SIGTERM");
  socket.end();
  expect(await ended).toBe(0);
});

test("a WebSocket that stays open is cut off when the time of the drain is over", async () => {
  const gateway = await startGateway("1s");
  const { socket } = await openWebSocket(gateway.url);
  const closed = once(socket, "close");
  expect(await gateway.end()).toBe(0);
  await closed;
});
